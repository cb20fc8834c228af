//! Puts the parts together: data folder, state, identity, tables, resources, rules. The pillars meet here and nowhere else.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use arm::{Arm, BootstrapNames, Installation, Provider, Settings};
use crypto::pkcs11::{Pin, TokenAccess};
use crypto::tls::TlsServer;
use crypto::{ServerCertificate, ServerNames};
use identity::{
    DenyAssignments, Identity, IdentityConfig, Permissions, PublicUrls, RoleAssignments,
    RoleDefinitions,
};
use logs::LogStore;
use model::{Clock, DateTime, Feed, ResourceId, SystemClock, Tables};
use rustix::fs::{FlockOperation, flock};
use sentinel::journal::Journal;
use sentinel::resource_types::Services;
use sentinel::runner::{RuleRunner, RunnerOptions};
use state::{SqliteStore, Store};
use tokio::task::JoinHandle;
use vault::{AuditHouse, AuditLog, KeyFiles, Vaults};

use super::built_in;
use crate::cli::{PIN_VARIABLE, ServeArgs};
use crate::external::Beginnings;
use crate::instance::{DataFolder, Instance};

/// The location that resources report.
const LOCATION: &str = "local";

/// Everything that runs.
pub(crate) struct House {
    pub(super) data: DataFolder,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store: Arc<dyn Store>,
    pub(super) identity: Arc<Identity>,
    pub(super) arm: Arc<Arm>,
    pub(super) logs: Arc<LogStore>,
    pub(super) vaults: Arc<Vaults>,
    pub(super) vault_audit: Arc<AuditLog>,
    pub(super) rules: Arc<RuleRunner>,
    pub(super) installation: Installation,
    pub(super) instance: Instance,
    pub(super) tls: TlsServer,
    pub(super) names: ServerNames,
    /// Where web hooks may go beside other machines.
    pub(super) web_hooks: Beginnings,
    pub(super) first_start: bool,
    /// Held as long as the house stands: two servers on one folder would spoil it.
    _lock: File,
}

impl House {
    /// Opens the data folder, making what is missing.
    pub(super) async fn open(arguments: &ServeArgs, address: SocketAddr) -> anyhow::Result<Self> {
        let data = DataFolder::new(&arguments.data);
        crypto::private_directory(data.path())?;
        let lock = lock(&data)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let now = clock.now();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data.state())?);

        let names = server_names(arguments, address);
        let tls = tls(&data, &names, now)?;
        // names of vaults are none of the instance's own: they stand for another audience
        let own = names.dns.iter().map(String::as_str).filter(|n| !n.ends_with("vault.localhost"));
        let urls = PublicUrls::new(&arguments.name, address.port(), own);

        let subscription = arm::subscription_id(&*store)?;
        let subscription = ResourceId::new(&format!("/subscriptions/{subscription}"));
        let (identity, first_start) = Identity::open(IdentityConfig {
            store: Arc::clone(&store),
            keys_directory: &data.keys(),
            urls: urls.clone(),
            subscription: &subscription,
            now,
        })?;
        let identity = Arc::new(identity);
        identity.set_outside(Arc::new(super::outside::WayOut::new()));

        let logs = open_logs(&data, &store, &clock, &arguments.allow_external)?;
        let tables: Arc<dyn Tables> = Arc::clone(&logs) as Arc<dyn Tables>;
        let journal = Arc::new(Journal::new(Arc::clone(&store), Arc::clone(&tables)));
        let services = Services {
            store: Arc::clone(&store),
            tables: Arc::clone(&tables),
            journal: Arc::clone(&journal),
            clock: Arc::clone(&clock),
            portal_url: urls.origin(),
        };
        let vaults = Arc::new(Vaults::open(Arc::clone(&store), key_files(&data, arguments), now)?);
        let arm = resources(&services, &identity, &vaults)?;
        let bootstrap = BootstrapNames {
            tenant_id: Some(identity.tenant().id.clone()),
            ..BootstrapNames::default()
        };
        let installation = arm::bootstrap(&arm, &bootstrap, now).await?;
        let (group, tenant) = (&installation.resource_group, &installation.tenant_id);
        vault::resources::bootstrap(&arm, group, tenant, now).await?;
        let vault_audit = Arc::new(AuditLog::start(AuditHouse {
            folder: data.path().join("vault-audit"),
            tables: Arc::clone(&tables),
            workspace: installation.customer_id.as_str().into(),
            subscription: installation.subscription_id.as_str().into(),
            store: Arc::clone(&store),
            keyring: Arc::clone(vaults.keyring()),
            clock: Arc::clone(&clock),
            flush_each: arguments.flush_vault_audit,
        }));
        logs.add_feed(&(Arc::clone(&vault_audit) as Arc<dyn Feed>));
        built_in::content(&arm, &tables, &installation, now).await?;

        let options = RunnerOptions { portal_url: urls.origin(), ..RunnerOptions::default() };
        let rules = Arc::new(RuleRunner::new(Arc::clone(&store), tables, journal, options));
        let instance = instance(&installation, &urls);
        instance.save(&data)?;
        let tls = tls.await??;
        Ok(Self {
            data,
            clock,
            store,
            identity,
            arm,
            logs,
            vaults,
            vault_audit,
            rules,
            installation,
            instance,
            tls,
            names,
            web_hooks: Beginnings::new(&arguments.allow_webhook),
            first_start,
            _lock: lock,
        })
    }
}

/// What the port is served with. It is made beside everything else: the first use of the random generator gathers entropy
/// for some hundredths of a second.
fn tls(
    data: &DataFolder,
    names: &ServerNames,
    now: DateTime,
) -> anyhow::Result<JoinHandle<anyhow::Result<TlsServer>>> {
    crypto::private_directory(&data.keys())?;
    let (keys, names) = (data.keys(), names.clone());
    Ok(tokio::task::spawn_blocking(move || {
        let (certificate, _) = ServerCertificate::ensure(&keys, &names, now.unix_seconds())?;
        Ok(TlsServer::new(&certificate)?)
    }))
}

fn lock(data: &DataFolder) -> anyhow::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(data.lock())?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).with_context(|| {
        format!(
            "another server runs on {}; end it, or choose another folder with --data",
            data.path().display()
        )
    })?;
    Ok(file)
}

/// The names that the certificate stands for, beyond those every instance has.
fn server_names(arguments: &ServeArgs, address: SocketAddr) -> ServerNames {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let ip = address.ip().to_string();
    ServerNames::standard([arguments.name.as_str(), &host, &ip])
}

/// The vault's key file beside the other keys, or the one that systemd hands in as a credential; and the token.
fn key_files(data: &DataFolder, arguments: &ServeArgs) -> KeyFiles {
    const NAME: &str = "vault.unseal";
    const PIN: &str = "vault.pin";
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    let handed_in = |name| {
        let file = credentials.as_ref().map(|folder| Path::new(folder).join(name));
        file.filter(|file| file.exists())
    };
    let pin = arguments.pkcs11_pin_file.clone().or_else(|| handed_in(PIN));
    let pin = pin.map_or(Pin::Variable(PIN_VARIABLE), Pin::File);
    let token = arguments.pkcs11_module.clone().map(|module| TokenAccess { module, pin });
    KeyFiles { own: data.keys().join(NAME), credential: handed_in(NAME), token }
}

fn open_logs(
    data: &DataFolder,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    allow_external: &[String],
) -> anyhow::Result<Arc<LogStore>> {
    let mut options = logs::Options::new(data.path(), Arc::clone(store));
    options.clock = Arc::clone(clock);
    options.built_in = built_in::tables();
    options.functions = crate::built_in::functions().map(Arc::new).collect();
    options.external = Some(Arc::new(crate::external::External::new(allow_external)?));
    LogStore::open(&options).context("cannot open the log store")
}

/// All resource types: Resource Manager's own, identity's, sentinel's, the vault's.
fn resources(
    services: &Services,
    identity: &Arc<Identity>,
    vaults: &Arc<Vaults>,
) -> anyhow::Result<Arc<Arm>> {
    let settings = Settings { public_url: services.portal_url.clone(), location: LOCATION.into() };
    let builder = arm::builder(Arc::clone(&services.store), settings, Arc::clone(&services.tables));
    let builder = sentinel::resource_types::register(builder, services);
    let builder = vault::resources::register(builder, vaults, &services.clock);
    let assignments = Arc::new(RoleAssignments::new(Arc::clone(identity)));
    let builder = builder
        .types(identity::TYPES)
        .provider(
            "Microsoft.Authorization/roleAssignments",
            Arc::clone(&assignments) as Arc<dyn Provider>,
        )
        .hook("Microsoft.Authorization/roleAssignments", assignments)
        .provider(
            "Microsoft.Authorization/roleDefinitions",
            Arc::new(RoleDefinitions::new(Arc::clone(identity))),
        )
        .provider("Microsoft.Authorization/denyAssignments", Arc::new(DenyAssignments))
        .provider(
            "Microsoft.Authorization/permissions",
            Arc::new(Permissions::new(Arc::clone(identity))),
        );
    builder.build().map_err(|e| anyhow!("the resource types do not fit together: {e}"))
}

fn instance(installation: &Installation, urls: &PublicUrls) -> Instance {
    Instance {
        url: urls.origin(),
        vault_url: urls.vault_url("default"),
        tenant_id: installation.tenant_id.clone(),
        subscription_id: installation.subscription_id.clone(),
        resource_group: installation.resource_group.name().to_owned(),
        workspace_name: installation.workspace.name().to_owned(),
        workspace_id: installation.customer_id.clone(),
        workspace_resource_id: installation.workspace.as_str().to_owned(),
        rule_id: installation.data_collection_rule_immutable_id.clone(),
    }
}
