//! Applications, service principals and passwords as Microsoft Graph has them: what `az ad sp create-for-rbac` needs.

mod credentials;
mod federated;
mod properties;
mod values;

pub use credentials::{Holder, NewPassword, PasswordAnswer};

use std::sync::Arc;

use crypto::{Certificate, CryptoError};
use model::DateTime;
use serde_json::{Value, json};
use state::{Op, StoreError};
use uuid::Uuid;

use super::{
    APP_ROLE_ASSIGNMENTS, APPLICATIONS, AppRoleAssignment, Application, Directory, DirectoryRoles,
    GROUPS, Group, KeyCredential, SERVICE_PRINCIPALS, ServicePrincipal, USERS, User, put, remove,
};
use crate::interactive::EVERYTHING;
use crate::time::{graph_text, unix_seconds};
use crate::{Caller, Identity, IdentityError};

/// The application permission of the first administrator, which allows everything here: none can be handed out.
const ADMINISTRATOR: &str = "Directory.ReadWrite.All";
/// Scopes that let an application do all that the person may.
const ALL_SCOPES: &[&str] = &[EVERYTHING, "Directory.AccessAsUser.All"];
/// A check of a secret tries each.
const CREDENTIALS_MAX: usize = 50;
const NAME_MAX: usize = 256;
/// A part of the directory, with rights of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphArea {
    /// Applications, service principals, their credentials.
    Applications,
    /// Users.
    Users,
    /// Passwords of users who are there.
    Passwords,
    /// How users prove themselves besides.
    Methods,
    /// Groups and who is in them.
    Groups,
    /// Who has which role of an application.
    Assignments,
    /// What people, and administrators for them, let applications do.
    Grants,
    /// Directory roles, and who has them.
    Roles,
    /// Outside providers.
    Providers,
}

/// Application permissions of an area: those that allow to read it, those that allow to change it. The first is named
/// in refusals.
struct AreaRights {
    area: GraphArea,
    /// Scopes that let an application look at the person alone, and change that.
    own: (&'static [&'static str], &'static [&'static str]),
    readers: &'static [&'static str],
    writers: &'static [&'static str],
    /// Which directory roles may change it.
    administered: fn(&DirectoryRoles) -> bool,
}

const AREAS: &[AreaRights] = &[
    AreaRights {
        area: GraphArea::Applications,
        own: (&[], &[]),
        readers: &[
            "Application.Read.All",
            "Application.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        writers: &["Application.ReadWrite.All", "Directory.ReadWrite.All"],
        administered: DirectoryRoles::administers_applications,
    },
    AreaRights {
        area: GraphArea::Users,
        own: (&["User.Read", "User.ReadWrite"], &["User.ReadWrite"]),
        readers: &[
            "User.Read.All",
            "User.ReadWrite.All",
            "User.ReadBasic.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        writers: &["User.ReadWrite.All", "Directory.ReadWrite.All"],
        administered: DirectoryRoles::administers_users,
    },
    AreaRights {
        area: GraphArea::Groups,
        own: (&[], &[]),
        readers: &[
            "Group.Read.All",
            "Group.ReadWrite.All",
            "GroupMember.Read.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        writers: &["Group.ReadWrite.All", "Directory.ReadWrite.All"],
        administered: DirectoryRoles::administers_users,
    },
    AreaRights {
        area: GraphArea::Passwords,
        own: (&[], &[]),
        readers: &[],
        writers: &["User-PasswordProfile.ReadWrite.All"],
        administered: DirectoryRoles::administers_users,
    },
    AreaRights {
        area: GraphArea::Methods,
        own: (
            &["UserAuthenticationMethod.Read", "UserAuthenticationMethod.ReadWrite"],
            &["UserAuthenticationMethod.ReadWrite"],
        ),
        readers: &["UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"],
        writers: &["UserAuthenticationMethod.ReadWrite.All"],
        administered: DirectoryRoles::administers_users,
    },
    AreaRights {
        area: GraphArea::Assignments,
        own: (&[], &[]),
        readers: &[
            "AppRoleAssignment.ReadWrite.All",
            "Application.Read.All",
            "Application.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        writers: &["AppRoleAssignment.ReadWrite.All"],
        administered: DirectoryRoles::administers_applications,
    },
    AreaRights {
        area: GraphArea::Grants,
        own: (&[], &[]),
        readers: &[
            "DelegatedPermissionGrant.ReadWrite.All",
            "Application.Read.All",
            "Application.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        writers: &["DelegatedPermissionGrant.ReadWrite.All"],
        administered: DirectoryRoles::administers_applications,
    },
    AreaRights {
        area: GraphArea::Roles,
        own: (&[], &[]),
        readers: &[
            "RoleManagement.Read.Directory",
            "RoleManagement.ReadWrite.Directory",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        writers: &["RoleManagement.ReadWrite.Directory"],
        administered: DirectoryRoles::is_global_administrator,
    },
    AreaRights {
        area: GraphArea::Providers,
        own: (&[], &[]),
        readers: &["IdentityProvider.Read.All", "IdentityProvider.ReadWrite.All"],
        writers: &["IdentityProvider.ReadWrite.All"],
        administered: DirectoryRoles::is_global_administrator,
    },
];

/// The delegated permission of Graph that a scope names, as Graph spells it; none for one that nobody defined.
pub(crate) fn graph_scope(named: &str) -> Option<&'static str> {
    let of = |r: &'static AreaRights| [r.own.0, r.own.1, r.readers, r.writers];
    let known = AREAS.iter().flat_map(of).chain([ALL_SCOPES]).flatten();
    known.copied().find(|scope| scope.eq_ignore_ascii_case(named))
}

/// Why Graph did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct GraphError {
    /// HTTP status.
    pub status: u16,
    /// Graph's code.
    pub code: &'static str,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl GraphError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    pub(crate) fn not_found(id: &str) -> Self {
        let message =
            format!("Resource '{id}' does not exist or one of its queried objects is not present.");
        Self::new(404, "Request_ResourceNotFound", message)
    }

    /// Graph's envelope; `request_id` names the request in the server's log.
    pub fn body(&self, now: DateTime, request_id: Uuid) -> Value {
        let inner =
            json!({ "date": graph_text(unix_seconds(now)), "request-id": request_id.to_string() });
        json!({ "error": { "code": self.code, "message": self.message, "innerError": inner } })
    }
}

impl From<IdentityError> for GraphError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Store(StoreError::Unavailable(_)) => {
                Self::new(503, "Service_ServiceUnavailable", error.to_string())
            }
            other => Self::new(500, "Service_InternalServerError", other.to_string()),
        }
    }
}

impl From<CryptoError> for GraphError {
    fn from(error: CryptoError) -> Self {
        IdentityError::from(error).into()
    }
}

/// An app registration to be made.
#[derive(Clone, Debug, Default)]
pub struct NewApplication {
    /// Name for people.
    pub display_name: String,
    /// Names by which tokens for it can be asked for.
    pub identifier_uris: Vec<String>,
    /// Certificates in DER.
    pub certificates: Vec<Vec<u8>>,
    /// Further properties in wire form: `web`, `spa`, `publicClient`, `isFallbackPublicClient`.
    pub more: Value,
}

impl Identity {
    /// Refuses a caller without the right to read, or to change, a part of the directory: applications by their Graph
    /// permissions, people by their directory roles; every person may read. Judged by what is assigned now, not by
    /// what the token says. An application that acts for a person may besides no more than the person let it: what it
    /// does to the person itself (`own`) needs least.
    pub fn require_graph(
        &self,
        caller: &Caller,
        area: GraphArea,
        writes: bool,
        own: bool,
    ) -> Result<(), GraphError> {
        let directory = self.directory();
        let Some(rights) = AREAS.iter().find(|r| r.area == area) else {
            return Err(GraphError::not_found("area"));
        };
        let wanted = if writes { rights.writers } else { rights.readers };
        let of_own = if writes { rights.own.1 } else { rights.own.0 };
        let reaches = caller.has_scope(ALL_SCOPES)
            || caller.has_scope(wanted)
            || caller.has_scope(rights.writers)
            || (own && caller.has_scope(of_own));
        if !reaches {
            let needed = if own { of_own } else { wanted };
            let message = format!(
                "Insufficient privileges to complete the operation: the token's scopes are '{}'; ask for {}.",
                caller.scopes.as_deref().unwrap_or_default(),
                needed.first().copied().unwrap_or_default(),
            );
            return Err(GraphError::new(403, "Authorization_RequestDenied", message));
        }
        if own {
            return Ok(());
        }
        let allowed =
            match (directory.user(&caller.object_id), directory.principal(&caller.object_id)) {
                (Some(user), _) => !writes || (rights.administered)(&user.directory_roles),
                (None, Some(p)) => {
                    let by_role = match writes {
                        true => (rights.administered)(&p.directory_roles),
                        false => !p.directory_roles.is_empty(),
                    };
                    let permits = |r: &String| r == ADMINISTRATOR || wanted.contains(&r.as_str());
                    by_role || p.graph_roles.iter().any(permits)
                }
                (None, None) => false,
            };
        if allowed {
            return Ok(());
        }
        let needed = wanted.first().copied().unwrap_or_default();
        let message = format!(
            "Insufficient privileges to complete the operation: '{}' needs a directory role that allows it, Directory Readers to read (POST /v1.0/roleManagement/directory/roleAssignments); Azure's name for the permission is {needed}.",
            caller.display_name
        );
        Err(GraphError::new(403, "Authorization_RequestDenied", message))
    }

    /// Applications in wire form.
    pub fn list_applications(&self) -> Vec<Value> {
        self.directory().applications().iter().map(|a| self.application_value(a)).collect()
    }

    /// Service principals in wire form.
    pub fn list_service_principals(&self) -> Vec<Value> {
        let directory = self.directory();
        directory.principals().iter().map(|p| self.principal_value(p, &directory)).collect()
    }

    /// One application by object id.
    pub fn application(&self, id: &str) -> Result<Value, GraphError> {
        let directory = self.directory();
        find(&directory, id).map(|a| self.application_value(&a))
    }

    /// One service principal by object id.
    pub fn service_principal(&self, id: &str) -> Result<Value, GraphError> {
        let directory = self.directory();
        let principal = directory.principal(id).ok_or_else(|| GraphError::not_found(id))?;
        Ok(self.principal_value(principal, &directory))
    }

    /// The object id of the application with this client id.
    pub fn application_id(&self, app_id: &str) -> Option<String> {
        self.directory().application(app_id).map(|a| a.id.clone())
    }

    /// The object id of the service principal with this client id.
    pub fn service_principal_id(&self, app_id: &str) -> Option<String> {
        self.directory().principal_of(app_id).map(|p| p.id.clone())
    }

    /// Registers an application.
    pub fn create_application(
        &self,
        new: NewApplication,
        now: DateTime,
    ) -> Result<Value, GraphError> {
        let display_name = checked_name(&new.display_name)?;
        if new.certificates.len() > CREDENTIALS_MAX || new.identifier_uris.len() > CREDENTIALS_MAX {
            return Err(GraphError::bad_request(format!(
                "at most {CREDENTIALS_MAX} certificates and identifierUris"
            )));
        }
        let mut keys = Vec::new();
        for der in &new.certificates {
            let certificate =
                Certificate::from_der(der).map_err(|e| GraphError::bad_request(e.to_string()))?;
            keys.push(KeyCredential::new(certificate, None).map_err(GraphError::bad_request)?);
        }
        let guid = || Uuid::new_v4().to_string();
        let mut application = Application::named(guid(), guid(), display_name, unix_seconds(now));
        application.identifier_uris = new.identifier_uris;
        application.keys = keys;
        properties::apply(&mut application, &new.more, self.urls())?;
        self.change_directory(|directory| {
            let is_taken = |uri: &&String| directory.holder_of(uri, &application.id).is_some();
            let taken = application.identifier_uris.iter().find(is_taken);
            match taken {
                Some(uri) => Err(GraphError::bad_request(format!(
                    "Another object with the same value for property identifierUris already exists: '{uri}'."
                ))),
                None => Ok(vec![Change::PutApplication(application.clone())]),
            }
        })?;
        Ok(self.application_value(&application))
    }

    /// Makes an application a principal of the tenant.
    pub fn create_service_principal(
        &self,
        app_id: &str,
        now: DateTime,
    ) -> Result<Value, GraphError> {
        let mut made = None;
        self.change_directory(|directory| {
            let application = directory.application(app_id).ok_or_else(|| {
                GraphError::bad_request(format!("The appId '{app_id}' names no application of this tenant."))
            })?;
            if directory.principal_of(app_id).is_some() {
                let message = format!(
                    "The service principal cannot be created: one for the appId '{app_id}' is already in use."
                );
                return Err(GraphError::new(409, "Request_MultipleObjectsWithSameKeyValue", message));
            }
            let principal = ServicePrincipal {
                id: Uuid::new_v4().to_string(),
                app_id: application.app_id.clone(),
                display_name: application.display_name.clone(),
                account_enabled: true,
                created: unix_seconds(now),
                graph_roles: Vec::new(),
                directory_roles: DirectoryRoles::default(),
                managed_identity: false,
                assignment_required: false,
                passwords: Vec::new(),
                keys: Vec::new(),
            };
            made = Some(principal.clone());
            Ok(vec![Change::PutPrincipal(principal)])
        })?;
        match made {
            Some(principal) => Ok(self.principal_value(&principal, &self.directory())),
            None => Err(GraphError::not_found(app_id)),
        }
    }

    /// Puts a principal into the directory.
    pub(crate) fn keep_principal(&self, principal: ServicePrincipal) -> Result<(), GraphError> {
        self.change_directory(|_| Ok(vec![Change::PutPrincipal(principal)]))
    }

    /// Enables or disables a principal: a disabled one gets no tokens, and those it has are refused at once.
    pub fn enable_service_principal(&self, id: &str, enabled: bool) -> Result<(), GraphError> {
        self.change_directory(|directory| {
            let principal = directory.principal(id).ok_or_else(|| GraphError::not_found(id))?;
            if !enabled {
                self.keep_an_administrator(&principal.id)?;
            }
            let changed =
                ServicePrincipal { account_enabled: enabled, ..ServicePrincipal::clone(principal) };
            Ok(vec![Change::PutPrincipal(changed)])
        })
    }

    /// Removes an application with its principal, and what people let it do.
    pub fn delete_application(&self, id: &str) -> Result<(), GraphError> {
        let mut app_id = String::new();
        self.change_directory(|directory| {
            let application = find(directory, id)?;
            app_id.clone_from(&application.app_id);
            let mut changes = vec![Change::RemoveApplication(application.app_id.clone())];
            if let Some(principal) = directory.principal_of(&application.app_id) {
                self.keep_an_administrator(&principal.id)?;
                changes.extend(directory.leave_all(&principal.id));
                changes.push(Change::RemovePrincipal(principal.id.clone()));
            }
            Ok(changes)
        })?;
        self.forget_application(&app_id);
        Ok(())
    }

    /// Removes a principal, and what people let it do; its application stays.
    pub fn delete_service_principal(&self, id: &str) -> Result<(), GraphError> {
        let mut app_id = String::new();
        self.change_directory(|directory| {
            let principal = directory.principal(id).ok_or_else(|| GraphError::not_found(id))?;
            self.keep_an_administrator(&principal.id)?;
            app_id.clone_from(&principal.app_id);
            let mut changes = directory.leave_all(&principal.id);
            changes.push(Change::RemovePrincipal(principal.id.clone()));
            Ok(changes)
        })?;
        self.forget_application(&app_id);
        Ok(())
    }

    /// Changes what `body` names of an application.
    pub fn update_application(&self, id: &str, body: &Value) -> Result<(), GraphError> {
        self.change_directory(|directory| {
            let mut application = Application::clone(&*find(directory, id)?);
            properties::apply(&mut application, body, self.urls())?;
            let taken = |uri: &&String| directory.holder_of(uri, &application.id).is_some();
            if let Some(uri) = application.identifier_uris.iter().find(taken) {
                return Err(GraphError::bad_request(format!(
                    "Another object with the same value for property identifierUris already exists: '{uri}'."
                )));
            }
            let principal = directory.principal_of(&application.app_id).map(|p| ServicePrincipal {
                display_name: application.display_name.clone(),
                ..ServicePrincipal::clone(p)
            });
            let mut changes = directory.without_roles(&application);
            changes.push(Change::PutApplication(application));
            changes.extend(principal.map(Change::PutPrincipal));
            Ok(changes)
        })
    }

    /// Refuses when the change would leave nobody who can assign roles.
    pub(super) fn keep_an_administrator(&self, leaving: &str) -> Result<(), GraphError> {
        let directory = self.directory();
        let mut after = Directory::clone(&directory);
        after.remove_user(leaving);
        after.remove_principal(leaving);
        after.remove_group(leaving);
        self.require_an_administrator(&directory, &after)
    }

    pub(super) fn require_an_administrator(
        &self,
        before: &Directory,
        after: &Directory,
    ) -> Result<(), GraphError> {
        if self.is_administered(after) || !self.is_administered(before) {
            return Ok(());
        }
        let message = "This is the last principal that can assign roles; give another one a role that can, first.";
        Err(GraphError::bad_request(message))
    }

    pub(super) fn change_application(
        &self,
        id: &str,
        change: impl FnOnce(&mut Application) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        self.change_directory(|directory| {
            let mut application = Application::clone(&*find(directory, id)?);
            change(&mut application)?;
            Ok(vec![Change::PutApplication(application)])
        })
    }

    /// One change of the directory at a time: decided on the present, stored in one transaction, then seen by all.
    pub(super) fn change_directory(
        &self,
        decide: impl FnOnce(&Directory) -> Result<Vec<Change>, GraphError>,
    ) -> Result<(), GraphError> {
        let _one_at_a_time = self.changing();
        let changes = decide(&self.directory())?;
        let ops: Result<Vec<Op>, IdentityError> = changes.iter().map(Change::op).collect();
        self.store().apply(ops?).map_err(IdentityError::from)?;
        self.update_directory(|directory| {
            for change in changes {
                change.apply(directory);
            }
        });
        Ok(())
    }
}

/// A write to the directory, to store and memory alike.
pub(super) enum Change {
    PutApplication(Application),
    RemoveApplication(String),
    PutPrincipal(ServicePrincipal),
    RemovePrincipal(String),
    PutUser(User),
    RemoveUser(String),
    PutGroup(Group),
    RemoveGroup(String),
    PutAssignment(AppRoleAssignment),
    RemoveAssignment(String),
}

impl Change {
    fn op(&self) -> Result<Op, IdentityError> {
        match self {
            Self::PutApplication(application) => {
                put(APPLICATIONS, &application.app_id, application)
            }
            Self::RemoveApplication(app_id) => Ok(remove(APPLICATIONS, app_id)),
            Self::PutPrincipal(principal) => put(SERVICE_PRINCIPALS, &principal.id, principal),
            Self::RemovePrincipal(id) => Ok(remove(SERVICE_PRINCIPALS, id)),
            Self::PutUser(user) => put(USERS, &user.id, user),
            Self::RemoveUser(id) => Ok(remove(USERS, id)),
            Self::PutGroup(group) => put(GROUPS, &group.id, group),
            Self::RemoveGroup(id) => Ok(remove(GROUPS, id)),
            Self::PutAssignment(assignment) => {
                put(APP_ROLE_ASSIGNMENTS, &assignment.id, assignment)
            }
            Self::RemoveAssignment(id) => Ok(remove(APP_ROLE_ASSIGNMENTS, id)),
        }
    }

    fn apply(self, directory: &mut Directory) {
        match self {
            Self::PutApplication(application) => directory.put_application(application),
            Self::RemoveApplication(app_id) => directory.remove_application(&app_id),
            Self::PutPrincipal(principal) => directory.put_principal(principal),
            Self::RemovePrincipal(id) => directory.remove_principal(&id),
            Self::PutUser(user) => directory.put_user(user),
            Self::RemoveUser(id) => directory.remove_user(&id),
            Self::PutGroup(group) => directory.put_group(group),
            Self::RemoveGroup(id) => directory.remove_group(&id),
            Self::PutAssignment(assignment) => directory.put_assignment(assignment),
            Self::RemoveAssignment(id) => directory.remove_assignment(&id),
        }
    }
}

pub(super) fn find(directory: &Directory, id: &str) -> Result<Arc<Application>, GraphError> {
    let found = directory.applications().into_iter().find(|a| a.id.eq_ignore_ascii_case(id));
    found.ok_or_else(|| GraphError::not_found(id))
}

pub(super) fn checked_name(name: &str) -> Result<String, GraphError> {
    let name = name.trim();
    let good =
        !name.is_empty() && name.chars().count() <= NAME_MAX && !name.chars().any(char::is_control);
    good.then(|| name.to_owned()).ok_or_else(|| {
        GraphError::bad_request(format!("displayName must have 1 to {NAME_MAX} characters"))
    })
}

#[cfg(test)]
mod tests;
