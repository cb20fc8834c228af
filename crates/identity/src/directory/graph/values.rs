//! Applications and service principals in wire form.

use serde_json::{Value, json};

use super::credentials::{key_value, password_value};
use super::properties::{api_value, optional_value, role_values, scope_values};
use crate::Identity;
use crate::directory::{Application, Directory, ServicePrincipal};
use crate::time::graph_text;

impl Identity {
    pub(in crate::directory) fn application_value(&self, application: &Application) -> Value {
        json!({
            "id": application.id,
            "deletedDateTime": null,
            "appId": application.app_id,
            "displayName": application.display_name,
            "createdDateTime": graph_text(application.created),
            "identifierUris": application.identifier_uris,
            "publisherDomain": self.tenant().domain,
            "signInAudience": "AzureADMyOrg",
            "passwordCredentials": application.passwords.iter().map(password_value).collect::<Vec<_>>(),
            "keyCredentials": application.keys.iter().map(key_value).collect::<Vec<_>>(),
            "isFallbackPublicClient": application.is_fallback_public_client,
            "web": {
                "homePageUrl": application.home_page_url,
                "logoutUrl": application.logout_url,
                "redirectUris": application.redirects.web,
                "implicitGrantSettings": {
                    "enableAccessTokenIssuance": false,
                    "enableIdTokenIssuance": application.id_token_issuance,
                },
            },
            "spa": { "redirectUris": application.redirects.spa },
            "publicClient": { "redirectUris": application.redirects.public_client },
            "api": api_value(&application.api),
            "appRoles": role_values(application),
            "groupMembershipClaims": application.group_claims.text(),
            "optionalClaims": optional_value(&application.optional_claims),
            "notes": application.notes,
            "tags": application.tags,
            "requiredResourceAccess": [],
        })
    }

    pub(in crate::directory) fn principal_value(
        &self,
        principal: &ServicePrincipal,
        directory: &Directory,
    ) -> Value {
        let mut names = vec![principal.app_id.clone()];
        let application = directory.application(&principal.app_id);
        if let Some(application) = application {
            names.extend(application.identifier_uris.iter().cloned());
        }
        json!({
            "id": principal.id,
            "deletedDateTime": null,
            "appId": principal.app_id,
            "displayName": principal.display_name,
            "appDisplayName": principal.display_name,
            "appOwnerOrganizationId": self.tenant().id,
            "accountEnabled": principal.account_enabled,
            "createdDateTime": graph_text(principal.created),
            "servicePrincipalNames": names,
            "servicePrincipalType": if principal.managed_identity { "ManagedIdentity" } else { "Application" },
            "signInAudience": "AzureADMyOrg",
            "homepage": application.and_then(|a| a.home_page_url.as_ref()),
            "logoutUrl": application.and_then(|a| a.logout_url.as_ref()),
            "appRoleAssignmentRequired": principal.assignment_required,
            "appRoles": application.map(|a| role_values(a)).unwrap_or_default(),
            "oauth2PermissionScopes": application.map(|a| scope_values(&a.api)).unwrap_or_default(),
            "passwordCredentials": principal.passwords.iter().map(password_value).collect::<Vec<_>>(),
            "keyCredentials": principal.keys.iter().map(key_value).collect::<Vec<_>>(),
        })
    }
}
