//! The directory: app registrations, service principals, users and groups, kept as documents and held in memory, so
//! that a token is checked without touching a disk.

mod api;
mod app_assignments;
mod application;
mod claims;
mod clients;
mod directory_roles;
mod graph;
mod group;
mod groups;
mod members;
mod objects;
mod passkeys;
mod redirect;
mod service_principal;
mod user;
mod users;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use state::{Condition, Op, Store};

pub(crate) use api::{ApiSettings, AppRole, MemberType, PermissionScope, PreAuthorized, ScopeKind};
pub(crate) use app_assignments::AppRoleAssignment;
pub use app_assignments::{AssignedSide, NewAppRole};
pub use application::{Application, FederatedCredential, KeyCredential, PasswordCredential};
pub(crate) use claims::{GroupClaims, OptionalClaim, OptionalClaims};
pub use clients::PORTAL_CLIENT;
pub(crate) use clients::is_portal_redirect;
pub use directory_roles::DirectoryRoles;
pub(crate) use graph::graph_scope;
pub use graph::{GraphArea, GraphError, Holder, NewApplication, NewPassword, PasswordAnswer};
pub use group::Group;
pub use groups::NewGroup;
pub use objects::ObjectKind;
pub(crate) use passkeys::Passkey;
pub(crate) use redirect::RedirectKind;
pub use redirect::RedirectUris;
pub(crate) use service_principal::Credentials;
pub use service_principal::ServicePrincipal;
pub use user::User;
pub(crate) use user::{OutsideIdentity, SoftwareToken};
pub(crate) use users::denied;
pub use users::{NewUser, TotpAnswer};

use crate::IdentityError;

/// Collection of app registrations, by application (client) id.
pub(crate) const APPLICATIONS: &str = "identity/applications";
/// Collection of service principals, by object id.
pub(crate) const SERVICE_PRINCIPALS: &str = "identity/servicePrincipals";
/// Collection of users, by object id.
pub(crate) const USERS: &str = "identity/users";
/// Collection of groups, by object id.
pub(crate) const GROUPS: &str = "identity/groups";
/// Collection of roles of applications that somebody has, by id.
pub(crate) const APP_ROLE_ASSIGNMENTS: &str = "identity/appRoleAssignments";

/// All applications, principals, users and groups.
#[derive(Clone, Default)]
pub(crate) struct Directory {
    applications: HashMap<String, Arc<Application>>,
    principals: HashMap<String, Arc<ServicePrincipal>>,
    principal_of_app: HashMap<String, String>,
    users: HashMap<String, Arc<User>>,
    user_of_name: HashMap<String, String>,
    /// Object ids of users, by the ids of their passkeys' credentials.
    user_of_credential: HashMap<String, String>,
    groups: HashMap<String, Arc<Group>>,
    /// Groups that something is a direct member of.
    groups_of_member: HashMap<String, BTreeSet<String>>,
    /// Roles of applications that somebody has, by id.
    assignments: HashMap<String, Arc<AppRoleAssignment>>,
    /// Their ids, by who has them.
    assignments_of: HashMap<String, BTreeSet<String>>,
}

/// How names of APIs begin that are made of a client id.
const API: &str = "api://";

/// A name of an API as names are compared.
fn plain(uri: &str) -> String {
    uri.trim_end_matches('/').to_ascii_lowercase()
}

impl Directory {
    /// Reads everything from the store.
    pub(crate) fn load(store: &dyn Store) -> Result<Self, IdentityError> {
        let mut directory = Self::default();
        for application in documents::<Application>(store, APPLICATIONS)? {
            directory.put_application(application);
        }
        for principal in documents::<ServicePrincipal>(store, SERVICE_PRINCIPALS)? {
            directory.put_principal(principal);
        }
        for user in documents::<User>(store, USERS)? {
            directory.put_user(user);
        }
        for group in documents::<Group>(store, GROUPS)? {
            directory.put_group(group);
        }
        for assignment in documents::<AppRoleAssignment>(store, APP_ROLE_ASSIGNMENTS)? {
            directory.put_assignment(assignment);
        }
        Ok(directory)
    }

    /// An application by its client id, in any case.
    pub(crate) fn application(&self, app_id: &str) -> Option<&Arc<Application>> {
        self.applications.get(&app_id.to_ascii_lowercase())
    }

    /// The application that calls itself `uri`, or has this client id (also as `api://{id}`), and how it is written there.
    /// Neither case nor slashes at the end tell names apart: clients add some.
    pub(crate) fn application_named(&self, uri: &str) -> Option<(&Arc<Application>, String)> {
        let uri = plain(uri);
        if let Some(own) = self.application(uri.strip_prefix(API).unwrap_or(&uri)) {
            return Some((own, uri));
        }
        self.applications.values().find_map(|application| {
            let written = application.identifier_uris.iter().find(|known| plain(known) == uri)?;
            Some((application, written.clone()))
        })
    }

    /// The same without how it is written.
    pub(crate) fn application_by_uri(&self, uri: &str) -> Option<&Arc<Application>> {
        self.application_named(uri).map(|(application, _)| application)
    }

    /// The application other than this one that a name belongs to, or begins with the client id of: `api://{id}/files`.
    pub(crate) fn holder_of(&self, uri: &str, but: &str) -> Option<&Arc<Application>> {
        let uri = plain(uri);
        let first = uri.strip_prefix(API).and_then(|rest| rest.split('/').next());
        let holder = first.and_then(|id| self.application(id)).or(self.application_by_uri(&uri));
        holder.filter(|holder| holder.id != but)
    }

    /// A principal by object id, in any case.
    pub(crate) fn principal(&self, object_id: &str) -> Option<&Arc<ServicePrincipal>> {
        self.principals
            .get(object_id)
            .or_else(|| self.principals.get(&object_id.to_ascii_lowercase()))
    }

    /// The principal of an application.
    pub(crate) fn principal_of(&self, app_id: &str) -> Option<&Arc<ServicePrincipal>> {
        self.principals.get(self.principal_of_app.get(&app_id.to_ascii_lowercase())?)
    }

    /// What a client may prove itself with.
    pub(crate) fn credentials_of<'d>(&'d self, application: &'d Application) -> Credentials<'d> {
        let principal = self.principal_of(&application.app_id).map(Arc::as_ref);
        Credentials { application, principal }
    }

    /// Applications by display name, then id.
    pub(crate) fn applications(&self) -> Vec<Arc<Application>> {
        let mut all: Vec<_> = self.applications.values().cloned().collect();
        all.sort_by(|a, b| (&a.display_name, &a.id).cmp(&(&b.display_name, &b.id)));
        all
    }

    /// Principals by display name, then id.
    pub(crate) fn principals(&self) -> Vec<Arc<ServicePrincipal>> {
        let mut all: Vec<_> = self.principals.values().cloned().collect();
        all.sort_by(|a, b| (&a.display_name, &a.id).cmp(&(&b.display_name, &b.id)));
        all
    }

    pub(crate) fn put_application(&mut self, application: Application) {
        self.applications.insert(application.app_id.clone(), Arc::new(application));
    }

    pub(crate) fn put_principal(&mut self, principal: ServicePrincipal) {
        self.principal_of_app.insert(principal.app_id.clone(), principal.id.clone());
        self.principals.insert(principal.id.clone(), Arc::new(principal));
    }

    pub(crate) fn remove_application(&mut self, app_id: &str) {
        self.applications.remove(app_id);
    }

    pub(crate) fn remove_principal(&mut self, object_id: &str) {
        if let Some(principal) = self.principals.remove(object_id) {
            self.principal_of_app.remove(&principal.app_id);
        }
    }
}

/// All documents of a collection as values of a type.
pub(crate) fn documents<T: DeserializeOwned>(
    store: &dyn Store,
    collection: &str,
) -> Result<Vec<T>, IdentityError> {
    let read = |document: state::Document| {
        serde_json::from_value(document.value)
            .map_err(|e| IdentityError::damaged(format!("{collection}/{}", document.key), e))
    };
    store.list_all(collection, "")?.into_iter().map(read).collect()
}

/// A write of a value.
pub(crate) fn put(
    collection: &str,
    key: &str,
    value: &impl Serialize,
) -> Result<Op, IdentityError> {
    let value = serde_json::to_value(value).map_err(|e| IdentityError::damaged(collection, e))?;
    Ok(Op::Put { collection: collection.into(), key: key.into(), value, condition: Condition::Any })
}

/// A removal.
pub(crate) fn remove(collection: &str, key: &str) -> Op {
    Op::Delete { collection: collection.into(), key: key.into(), condition: Condition::Any }
}
