//! The whole of identity behind one door: what the server holds and asks.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use arm::{Target, Verb, Visible};
use crypto::{LocalKey, private_directory};
use model::{DateTime, ResourceId, TableAccess};
use parking_lot::{Mutex, MutexGuard, RwLock};
use serde_json::Value;
use state::Store;

use crate::access::Access;
use crate::authenticate::{Authenticator, Standards, caller_of};
use crate::directory::Directory;
use crate::interactive::Interactive;
use crate::outside::Issuers;
use crate::signing_keys::{KeySet, SigningKeys};
use crate::time::unix_seconds;
use crate::token::{Throttle, TokenContext, basic_credentials, check_secret};
use crate::{
    Audiences, AuthError, Caller, Denied, Generation, IdentityError, OAuthError, PublicUrls,
    Tenant, TokenAnswer, TokenRequest, auth_error, bootstrap, cloud, discovery,
};

/// The right to read role definitions.
const READ_ROLES: &str = "Microsoft.Authorization/roleDefinitions/read";

/// File of the key for small secrets, beside the other keys.
const LOCAL_KEY: &str = "directory.key";

/// What [`Identity::open`] needs.
pub struct IdentityConfig<'a> {
    /// Where documents live.
    pub store: Arc<dyn Store>,
    /// Where keys live, `data/keys`.
    pub keys_directory: &'a Path,
    /// The names this instance answers to.
    pub urls: PublicUrls,
    /// Where the first administrator gets its roles, `/subscriptions/{id}`.
    pub subscription: &'a ResourceId,
    /// Now.
    pub now: DateTime,
}

/// Applications, tokens and rights of an instance. Share it as `Arc<Identity>`.
pub struct Identity {
    store: Arc<dyn Store>,
    tenant: Tenant,
    urls: PublicUrls,
    keys: SigningKeys,
    authenticator: Authenticator,
    throttle: Throttle,
    directory: RwLock<Arc<Directory>>,
    access: RwLock<Arc<Access>>,
    changing: Mutex<()>,
    local_key: LocalKey,
    interactive: Interactive,
    issuers: Issuers,
}

impl Identity {
    /// Loads what the store and the key directory hold; on the first start makes the tenant and the administrator.
    /// True beside it when it was the first start.
    pub fn open(config: IdentityConfig<'_>) -> Result<(Self, bool), IdentityError> {
        let IdentityConfig { store, keys_directory, urls, subscription, now } = config;
        private_directory(keys_directory)?;
        let (tenant, first_start) = bootstrap::tenant(&*store, keys_directory, subscription, now)?;
        let keys = SigningKeys::open(keys_directory, unix_seconds(now))?;
        let directory = RwLock::new(Arc::new(Directory::load(&*store)?));
        let access = RwLock::new(Arc::new(Access::load(&*store)?));
        let identity = Self {
            store,
            tenant,
            urls,
            keys,
            authenticator: Authenticator::new(),
            throttle: Throttle::default(),
            directory,
            access,
            changing: Mutex::new(()),
            local_key: LocalKey::ensure(&keys_directory.join(LOCAL_KEY))?,
            interactive: Interactive::default(),
            issuers: Issuers::default(),
        };
        identity.settle_consents()?;
        Ok((identity, first_start))
    }

    /// The tenant.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The names this instance answers to.
    pub fn urls(&self) -> &PublicUrls {
        &self.urls
    }

    // --- tokens -----------------------------------------------------------------------------------------------

    /// Answers a request to the token endpoint. A person's grants touch the disk, outside issuers are asked: where `TokenRequest::waits` says so,
    /// keep it off threads that others wait for.
    pub fn token(&self, request: &TokenRequest<'_>) -> TokenAnswer {
        self.token_answer(request)
    }

    pub(crate) fn token_context(&self) -> TokenContext<'_> {
        TokenContext {
            tenant: &self.tenant,
            urls: &self.urls,
            directory: self.directory(),
            keys: self.keys.current(),
            issuers: &self.issuers,
            throttle: &self.throttle,
        }
    }

    /// The caller behind the token of a bearer header; `accepted` are the door's own audiences.
    pub fn authenticate(
        &self,
        token: &str,
        accepted: Audiences,
        now: DateTime,
    ) -> Result<Caller, AuthError> {
        let (directory, keys) = (self.directory(), self.keys.current());
        let standards = Standards {
            tenant: &self.tenant,
            urls: &self.urls,
            directory: &directory,
            keys: &keys,
            accepted,
            now: unix_seconds(now),
        };
        self.authenticator.caller(token, &standards)
    }

    /// The caller behind a Basic header of client id and secret, for doors whose clients know nothing else.
    pub fn authenticate_basic(
        &self,
        header: &str,
        source: IpAddr,
        now: DateTime,
    ) -> Result<Caller, AuthError> {
        let (app_id, secret) = basic_credentials(header).ok_or(AuthError::Missing)?;
        let (directory, seconds) = (self.directory(), unix_seconds(now));
        let application = directory.application(&app_id);
        let fits = application.is_some_and(|a| {
            check_secret(directory.credentials_of(a), secret.expose(), seconds).is_ok()
        });
        let principal = directory.principal_of(&app_id).filter(|_| fits);
        let caller = principal.and_then(|p| caller_of(&directory, &p.id, "".into()));
        match caller {
            Some(caller) => {
                self.throttle.succeeded(&app_id, source);
                Ok(caller)
            }
            None => match self
                .throttle
                .failed(&app_id, source, seconds)
                .and_then(|error| error.retry_after)
            {
                Some(seconds) => Err(AuthError::Throttled { seconds }),
                None => Err(AuthError::BadCredentials),
            },
        }
    }

    /// Makes the next signing key when it is due and drops what is over. Call it hourly; true when keys changed.
    pub fn rotate_keys(&self, now: DateTime) -> Result<bool, IdentityError> {
        self.sweep_refresh_tokens(unix_seconds(now))?;
        self.keys.rotate(unix_seconds(now))
    }

    /// Refuses every token issued so far, and signs with a new key from now on.
    pub fn revoke_all_tokens(&self, now: DateTime) -> Result<(), IdentityError> {
        self.keys.revoke_all(unix_seconds(now))
    }

    // --- discovery --------------------------------------------------------------------------------------------

    /// The OpenID configuration of a tenant segment.
    pub fn openid_configuration(
        &self,
        segment: &str,
        generation: Generation,
        origin: &str,
    ) -> Result<Value, OAuthError> {
        let document = discovery::openid_configuration(&self.tenant, segment, generation, origin);
        document.map_err(|why| discovery::no_tenant(segment, why))
    }

    /// The published keys of a tenant segment.
    pub fn jwks(
        &self,
        segment: &str,
        generation: Generation,
        origin: &str,
    ) -> Result<Value, OAuthError> {
        let configuration = self.openid_configuration(segment, generation, origin)?;
        Ok(self.keys.current().jwks(configuration["issuer"].as_str().unwrap_or_default()))
    }

    /// Instance discovery; none when the endpoint asked about is not here.
    pub fn instance_discovery(&self, authorization_endpoint: &str, origin: &str) -> Option<Value> {
        discovery::instance_discovery(&self.tenant, origin, authorization_endpoint)
    }

    /// Cloud discovery, `/metadata/endpoints`.
    pub fn metadata_endpoints(&self, api_version: Option<&str>, origin: &str) -> Value {
        cloud::metadata_endpoints(&self.urls, &self.tenant, origin, api_version)
    }

    /// `WWW-Authenticate` for a 401 of a vault. Send it with every 401 there.
    pub fn vault_challenge(&self, origin: &str) -> String {
        auth_error::vault_challenge(&self.urls, origin, &self.tenant.id)
    }

    /// `WWW-Authenticate` for a 401 of any other door.
    pub fn bearer_challenge(&self, origin: &str, error: &AuthError) -> String {
        auth_error::bearer_challenge(origin, &self.tenant.id, error)
    }

    // --- rights -----------------------------------------------------------------------------------------------

    /// True when the caller may do `action` (a data action when `data`) at `scope`.
    pub fn allows(&self, caller: &Caller, action: &str, scope: &ResourceId, data: bool) -> bool {
        let access = self.access();
        // most callers are in no group: their own assignments first
        access.allows(&caller.object_id, action, scope, data)
            || self
                .directory()
                .groups_of(&caller.object_id)
                .iter()
                .any(|group| access.allows(group, action, scope, data))
    }

    /// The caller's own object id, and those of the groups that it is in, through other groups too.
    pub fn ids_of(&self, caller: &Caller) -> impl Iterator<Item = String> {
        let groups = self.directory().groups_of(&caller.object_id);
        std::iter::once(caller.object_id.to_string()).chain(groups)
    }

    /// The same as a gate: the refusal says what is missing where.
    pub fn require(
        &self,
        caller: &Caller,
        action: &str,
        scope: &ResourceId,
        data: bool,
    ) -> Result<(), Denied> {
        if self.allows(caller, action, scope, data) {
            Ok(())
        } else {
            Err(Denied::new(caller, action, scope))
        }
    }

    /// True when the caller has any role at the scope or below it: subscriptions are listed for those alone.
    pub fn reaches(&self, caller: &Caller, scope: &ResourceId) -> bool {
        let access = self.access();
        self.principals_of(&caller.object_id).iter().any(|id| access.reaches(id, scope))
    }

    /// May the caller list what `action` reads at `scope`? Whoever may read there sees all (none); whoever has a role
    /// further down sees what it may read (a filter for [`arm::Call::visible`]); the root's lists (subscriptions,
    /// tenants) are open to everyone, filtered.
    pub fn listing(
        self: &Arc<Self>,
        caller: &Caller,
        action: &str,
        scope: &ResourceId,
    ) -> Result<Option<Visible>, Denied> {
        if self.allows(caller, action, scope, false) {
            return Ok(None);
        }
        if scope.as_str() != "/" && !self.reaches(caller, scope) {
            return Err(Denied::new(caller, action, scope));
        }
        let (identity, caller) = (self.clone(), caller.clone());
        Ok(Some(Arc::new(move |id| identity.sees(&caller, id))))
    }

    /// True when the caller may read a resource, or something in a subscription or group: those are seen from below.
    pub fn sees(&self, caller: &Caller, id: &ResourceId) -> bool {
        let Ok(target) = Target::parse(id.as_str()) else { return false };
        if let Some(role) = role_of_the_tenant(&target) {
            return self.sees_role(caller, role);
        }
        let (action, scope) = target.permission(Verb::Get);
        let is_scope = action.to_ascii_lowercase().starts_with("microsoft.resources/");
        self.allows(caller, &action, scope, false) || (is_scope && self.reaches(caller, scope))
    }

    /// Built-in roles are everybody's to read; custom ones are read by whoever may read roles where they can be assigned.
    fn sees_role(&self, caller: &Caller, role: &str) -> bool {
        let access = self.access();
        let Some(role) = access.definition(role) else { return true }; // 404, for whoever asks
        let reads =
            |scope: &String| self.allows(caller, READ_ROLES, &ResourceId::new(scope), false);
        role.built_in || role.assignable_scopes.iter().any(reads)
    }

    /// The tables of a workspace, among `all`, that the caller may read. `Only` of none is a refusal.
    pub fn tables_readable<'t>(
        &self,
        caller: &Caller,
        workspace: &ResourceId,
        all: impl Iterator<Item = &'t str>,
    ) -> TableAccess {
        self.access().tables_readable(&self.principals_of(&caller.object_id), workspace, all)
    }

    /// Reads role definitions and assignments anew, after someone else wrote their documents.
    pub fn reload_access(&self) -> Result<(), IdentityError> {
        let _one_at_a_time = self.changing();
        self.refresh_access()
    }

    // --- inside -----------------------------------------------------------------------------------------------

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    #[cfg(test)]
    pub(crate) fn signing_keys(&self) -> &SigningKeys {
        &self.keys
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.directory.read().clone()
    }

    pub(crate) fn access(&self) -> Arc<Access> {
        self.access.read().clone()
    }

    /// Held by whoever changes directory or access, so that decisions and writes do not interleave.
    pub(crate) fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock()
    }

    pub(crate) fn update_directory(&self, change: impl FnOnce(&mut Directory)) {
        change(Arc::make_mut(&mut self.directory.write()));
    }

    /// Call it holding [`Identity::changing`].
    pub(crate) fn refresh_access(&self) -> Result<(), IdentityError> {
        let fresh = Arc::new(Access::load(&*self.store)?);
        *self.access.write() = fresh;
        Ok(())
    }

    /// True when somebody of a directory can act and assign roles.
    pub(crate) fn is_administered(&self, directory: &Directory) -> bool {
        self.access().administrators(|_| true).any(|id| directory.acts(id))
    }

    /// True when a principal may assign or change roles at a whole subscription, itself or by a group it is in.
    pub(crate) fn administers(&self, id: &str) -> bool {
        let (access, groups) = (self.access(), self.directory().groups_of(id));
        access.rulers().any(|admin| admin == id || groups.contains(admin))
    }

    /// The principal's object id and those of the groups it is in: whose role assignments count for it.
    pub(crate) fn principals_of(&self, object_id: &str) -> Vec<String> {
        let mut all = vec![object_id.to_owned()];
        all.extend(self.directory().groups_of(object_id));
        all
    }

    pub(crate) fn interactive(&self) -> &Interactive {
        &self.interactive
    }

    pub(crate) fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.throttle
    }

    pub(crate) fn key_set(&self) -> Arc<KeySet> {
        self.keys.current()
    }

    /// Takes one token out of the allowance of a client and a source.
    pub(crate) fn admit(&self, app_id: &str, source: IpAddr, now: i64) -> Result<(), OAuthError> {
        self.throttle.admit(app_id, source, now)
    }

    /// The key that seals small secrets of the directory.
    pub(crate) fn local_key(&self) -> &LocalKey {
        &self.local_key
    }
}

/// The role that a path without subscription names, `/providers/Microsoft.Authorization/roleDefinitions/{guid}`.
fn role_of_the_tenant(target: &Target) -> Option<&str> {
    let Target::Resource(place) = target else { return None };
    let is_role = place.type_name.eq_ignore_ascii_case("Microsoft.Authorization/roleDefinitions");
    let of_tenant = place.parent.as_ref().is_some_and(|parent| parent.type_name.is_empty());
    (is_role && of_tenant).then(|| place.id.name())
}
