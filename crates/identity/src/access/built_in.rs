//! Azure's built-in roles that mean something here, under their real ids and with their real actions.

use super::definition::{Permission, RoleDefinition};

/// A built-in role.
pub(crate) struct BuiltIn {
    pub id: &'static str,
    pub name: &'static str,
    description: &'static str,
    actions: &'static [&'static str],
    not_actions: &'static [&'static str],
    data_actions: &'static [&'static str],
}

const fn role(
    id: &'static str,
    name: &'static str,
    description: &'static str,
    actions: &'static [&'static str],
) -> BuiltIn {
    BuiltIn { id, name, description, actions, not_actions: &[], data_actions: &[] }
}

impl BuiltIn {
    const fn except(mut self, not_actions: &'static [&'static str]) -> Self {
        self.not_actions = not_actions;
        self
    }

    const fn data(mut self, data_actions: &'static [&'static str]) -> Self {
        self.data_actions = data_actions;
        self
    }

    fn definition(&self) -> RoleDefinition {
        RoleDefinition {
            id: self.id.into(),
            name: self.name.into(),
            description: self.description.into(),
            built_in: true,
            permissions: vec![Permission::new(
                self.actions,
                self.not_actions,
                self.data_actions,
                &[],
            )],
            assignable_scopes: vec!["/".into()],
            history: None,
        }
    }
}

/// Roles that the first administrator gets.
pub(crate) const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
pub(crate) const MONITORING_METRICS_PUBLISHER: &str = "3913510d-42f4-4e42-8a64-420c390055eb";
pub(crate) const KEY_VAULT_ADMINISTRATOR: &str = "00482a5a-887f-4fb3-b363-3b7fe8e74483";

/// All of them as definitions.
pub(crate) fn definitions() -> impl Iterator<Item = RoleDefinition> {
    ROLES.iter().map(BuiltIn::definition)
}

/// Management actions of the Key Vault roles that also see the vault itself.
const VAULT_SIGHT: &[&str] = &[
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
    "Microsoft.KeyVault/checkNameAvailability/read",
    "Microsoft.KeyVault/deletedVaults/read",
    "Microsoft.KeyVault/locations/*/read",
    "Microsoft.KeyVault/vaults/*/read",
    "Microsoft.KeyVault/operations/read",
];

/// What the Sentinel roles keep out of.
const CONFIDENTIAL: &[&str] = &[
    "Microsoft.SecurityInsights/ConfidentialWatchlists/*",
    "Microsoft.OperationalInsights/workspaces/query/ConfidentialWatchlist/*",
];

pub(crate) const ROLES: &[BuiltIn] = &[
    role(OWNER, "Owner", "Everything, role assignments included; no data actions.", &["*"]),
    role(
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Contributor",
        "Everything but handing out rights; no data actions.",
        &["*"],
    )
    .except(&[
        "Microsoft.Authorization/*/Delete",
        "Microsoft.Authorization/*/Write",
        "Microsoft.Authorization/elevateAccess/Action",
        "Microsoft.Blueprint/blueprintAssignments/write",
        "Microsoft.Blueprint/blueprintAssignments/delete",
        "Microsoft.Compute/galleries/share/action",
        "Microsoft.Purview/consents/write",
        "Microsoft.Purview/consents/delete",
        "Microsoft.Resources/deploymentStacks/manageDenySetting/action",
        "Microsoft.Subscription/cancel/action",
        "Microsoft.Subscription/enable/action",
    ]),
    role(
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "Reader",
        "Reads every resource and every table.",
        &["*/read"],
    ),
    role(
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "User Access Administrator",
        "Reads everything and hands out rights.",
        &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
    ),
    role(
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "Role Based Access Control Administrator",
        "Reads everything and assigns roles.",
        &[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ],
    ),
    role(
        "92aaf0da-9dab-42b6-94a3-d43ce8d16293",
        "Log Analytics Contributor",
        "Reads everything; changes workspaces, their tables and saved searches, and diagnostic settings.",
        &[
            "*/read",
            "Microsoft.ClassicCompute/virtualMachines/extensions/*",
            "Microsoft.ClassicStorage/storageAccounts/listKeys/action",
            "Microsoft.Compute/virtualMachines/extensions/*",
            "Microsoft.HybridCompute/machines/extensions/write",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Insights/diagnosticSettings/*",
            "Microsoft.OperationalInsights/*",
            "Microsoft.OperationsManagement/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourcegroups/deployments/*",
            "Microsoft.Storage/storageAccounts/listKeys/action",
            "Microsoft.Support/*",
        ],
    ),
    role(
        "73c42c96-874c-492b-b04d-ab87d138a893",
        "Log Analytics Reader",
        "Reads everything and queries every table, without the workspace's shared keys.",
        &[
            "*/read",
            "Microsoft.OperationalInsights/workspaces/analytics/query/action",
            "Microsoft.OperationalInsights/workspaces/search/action",
            "Microsoft.Support/*",
        ],
    )
    .except(&["Microsoft.OperationalInsights/workspaces/sharedKeys/read"]),
    role(
        "3b03c2da-16b3-4a49-8834-0f8130efdd3b",
        "Log Analytics Data Reader",
        "Queries the tables of the workspace, or the one table, that it is assigned at.",
        &[
            "Microsoft.OperationalInsights/workspaces/query/read",
            "Microsoft.OperationalInsights/workspaces/read",
        ],
    )
    .data(&["Microsoft.OperationalInsights/workspaces/tables/data/read"]),
    role(
        "150f5e0c-0603-4f03-8c7f-cf70034c4e90",
        "Data Purger",
        "Reads workspaces and deletes rows from them.",
        &[
            "Microsoft.Insights/components/*/read",
            "Microsoft.Insights/components/purge/action",
            "Microsoft.OperationalInsights/workspaces/*/read",
            "Microsoft.OperationalInsights/workspaces/purge/action",
        ],
    ),
    role(
        "43d0d8ad-25c7-4714-9337-8ba259a9fe05",
        "Monitoring Reader",
        "Reads everything and queries every table.",
        &[
            "*/read",
            "Microsoft.OperationalInsights/workspaces/search/action",
            "Microsoft.Support/*",
        ],
    ),
    role(
        "749f88d5-cbae-40b8-bcfc-e573ddc772fa",
        "Monitoring Contributor",
        "Reads everything; changes alerts, data collection rules, workbooks, workspaces and saved searches.",
        &[
            "*/read",
            "Microsoft.AlertsManagement/alerts/*",
            "Microsoft.AlertsManagement/alertsSummary/*",
            "Microsoft.AlertsManagement/issues/*",
            "Microsoft.Insights/actiongroups/*",
            "Microsoft.Insights/activityLogAlerts/*",
            "Microsoft.Insights/AlertRules/*",
            "Microsoft.Insights/components/*",
            "Microsoft.Insights/createNotifications/*",
            "Microsoft.Insights/dataCollectionEndpoints/*",
            "Microsoft.Insights/dataCollectionRules/*",
            "Microsoft.Insights/dataCollectionRuleAssociations/*",
            "Microsoft.Insights/DiagnosticSettings/*",
            "Microsoft.Insights/eventtypes/*",
            "Microsoft.Insights/LogDefinitions/*",
            "Microsoft.Insights/metricalerts/*",
            "Microsoft.Insights/MetricDefinitions/*",
            "Microsoft.Insights/Metrics/*",
            "Microsoft.Insights/notificationStatus/*",
            "Microsoft.Insights/Register/Action",
            "Microsoft.Insights/scheduledqueryrules/*",
            "Microsoft.Insights/webtests/*",
            "Microsoft.Insights/workbooks/*",
            "Microsoft.Insights/workbooktemplates/*",
            "Microsoft.Insights/privateLinkScopes/*",
            "Microsoft.Insights/privateLinkScopeOperationStatuses/*",
            "Microsoft.Monitor/accounts/*",
            "Microsoft.Monitor/settings/*",
            "Microsoft.OperationalInsights/workspaces/write",
            "Microsoft.OperationalInsights/workspaces/intelligencepacks/*",
            "Microsoft.OperationalInsights/workspaces/savedSearches/*",
            "Microsoft.OperationalInsights/workspaces/search/action",
            "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
            "Microsoft.OperationalInsights/workspaces/sharedKeys/read",
            "Microsoft.OperationalInsights/workspaces/storageinsightconfigs/*",
            "Microsoft.OperationalInsights/locations/workspaces/failover/action",
            "Microsoft.OperationalInsights/workspaces/failback/action",
            "Microsoft.Support/*",
            "Microsoft.AlertsManagement/smartDetectorAlertRules/*",
            "Microsoft.AlertsManagement/actionRules/*",
            "Microsoft.AlertsManagement/smartGroups/*",
            "Microsoft.AlertsManagement/migrateFromSmartDetection/*",
            "Microsoft.AlertsManagement/investigations/*",
            "Microsoft.AlertsManagement/prometheusRuleGroups/*",
            "Microsoft.Monitor/investigations/*",
            "Microsoft.Resources/deployments/*",
        ],
    ),
    role(
        MONITORING_METRICS_PUBLISHER,
        "Monitoring Metrics Publisher",
        "Sends rows and metrics through data collection rules.",
        &[
            "Microsoft.Insights/Register/Action",
            "Microsoft.Support/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ],
    )
    .data(&["Microsoft.Insights/Metrics/Write", "Microsoft.Insights/Telemetry/Write"]),
    role(
        "8d289c81-5878-46d4-8554-54e1e3d8b5cb",
        "Microsoft Sentinel Reader",
        "Reads incidents, rules, watchlists and the logs behind them.",
        &[
            "Microsoft.SecurityInsights/*/read",
            "Microsoft.SecurityInsights/dataConnectorsCheckRequirements/action",
            "Microsoft.SecurityInsights/threatIntelligence/indicators/query/action",
            "Microsoft.SecurityInsights/threatIntelligence/queryIndicators/action",
            "Microsoft.OperationalInsights/workspaces/analytics/query/action",
            "Microsoft.OperationalInsights/workspaces/*/read",
            "Microsoft.OperationalInsights/workspaces/LinkedServices/read",
            "Microsoft.OperationalInsights/workspaces/savedSearches/read",
            "Microsoft.OperationsManagement/solutions/read",
            "Microsoft.OperationalInsights/workspaces/query/read",
            "Microsoft.OperationalInsights/workspaces/query/*/read",
            "Microsoft.OperationalInsights/querypacks/*/read",
            "Microsoft.OperationalInsights/workspaces/dataSources/read",
            "Microsoft.Insights/workbooks/read",
            "Microsoft.Insights/myworkbooks/read",
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Resources/templateSpecs/*/read",
            "Microsoft.Support/*",
        ],
    )
    .except(CONFIDENTIAL),
    role(
        "3e150937-b8fe-4cfb-8069-0eaf05ecd056",
        "Microsoft Sentinel Responder",
        "Reads like the Reader; works on incidents and automation rules.",
        &[
            "Microsoft.SecurityInsights/*/read",
            "Microsoft.SecurityInsights/dataConnectorsCheckRequirements/action",
            "Microsoft.SecurityInsights/automationRules/*",
            "Microsoft.SecurityInsights/cases/*",
            "Microsoft.SecurityInsights/incidents/*",
            "Microsoft.SecurityInsights/entities/runPlaybook/action",
            "Microsoft.SecurityInsights/threatIntelligence/indicators/appendTags/action",
            "Microsoft.SecurityInsights/threatIntelligence/indicators/query/action",
            "Microsoft.SecurityInsights/threatIntelligence/bulkTag/action",
            "Microsoft.SecurityInsights/threatIntelligence/indicators/replaceTags/action",
            "Microsoft.SecurityInsights/threatIntelligence/queryIndicators/action",
            "Microsoft.SecurityInsights/businessApplicationAgents/systems/undoAction/action",
            "Microsoft.OperationalInsights/workspaces/analytics/query/action",
            "Microsoft.OperationalInsights/workspaces/*/read",
            "Microsoft.OperationalInsights/workspaces/dataSources/read",
            "Microsoft.OperationalInsights/workspaces/savedSearches/read",
            "Microsoft.OperationsManagement/solutions/read",
            "Microsoft.OperationalInsights/workspaces/query/read",
            "Microsoft.OperationalInsights/workspaces/query/*/read",
            "Microsoft.OperationalInsights/querypacks/*/read",
            "Microsoft.Insights/workbooks/read",
            "Microsoft.Insights/myworkbooks/read",
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
        ],
    )
    .except(&[
        "Microsoft.SecurityInsights/cases/*/Delete",
        "Microsoft.SecurityInsights/incidents/*/Delete",
        "Microsoft.SecurityInsights/ConfidentialWatchlists/*",
        "Microsoft.OperationalInsights/workspaces/query/ConfidentialWatchlist/*",
    ]),
    role(
        "ab8e14d6-4a74-4a29-9ba8-549422addade",
        "Microsoft Sentinel Contributor",
        "Everything of Sentinel: rules, incidents, watchlists, workbooks, saved searches.",
        &[
            "Microsoft.SecurityInsights/*",
            "Microsoft.OperationalInsights/workspaces/analytics/query/action",
            "Microsoft.OperationalInsights/workspaces/*/read",
            "Microsoft.OperationalInsights/workspaces/savedSearches/*",
            "Microsoft.OperationsManagement/solutions/read",
            "Microsoft.OperationalInsights/workspaces/query/read",
            "Microsoft.OperationalInsights/workspaces/query/*/read",
            "Microsoft.OperationalInsights/workspaces/dataSources/read",
            "Microsoft.OperationalInsights/querypacks/*/read",
            "Microsoft.Insights/workbooks/*",
            "Microsoft.Insights/myworkbooks/read",
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
        ],
    )
    .except(CONFIDENTIAL),
    role(
        "f4c81013-99ee-4d62-a7ee-b3f1f648599a",
        "Microsoft Sentinel Automation Contributor",
        "Lets automation rules start playbooks.",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Logic/workflows/triggers/read",
            "Microsoft.Logic/workflows/triggers/listCallbackUrl/action",
            "Microsoft.Logic/workflows/runs/read",
            "Microsoft.Web/sites/hostruntime/webhooks/api/workflows/triggers/read",
            "Microsoft.Web/sites/hostruntime/webhooks/api/workflows/triggers/listCallbackUrl/action",
            "Microsoft.Web/sites/hostruntime/webhooks/api/workflows/runs/read",
        ],
    ),
    role(
        "51d6186e-6489-4900-b93f-92e23144cca5",
        "Microsoft Sentinel Playbook Operator",
        "Lists and starts playbooks.",
        &[
            "Microsoft.Logic/workflows/read",
            "Microsoft.Logic/workflows/triggers/listCallbackUrl/action",
            "Microsoft.Web/sites/hostruntime/webhooks/api/workflows/triggers/listCallbackUrl/action",
            "Microsoft.Web/sites/read",
        ],
    ),
    role(
        "39bc4728-0917-49c7-9d2c-d95423bc2eb4",
        "Security Reader",
        "Reads posture, recommendations, security alerts and the logs behind them.",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/read",
            "Microsoft.operationalInsights/workspaces/*/read",
            "Microsoft.Resources/deployments/*/read",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Security/*/read",
            "Microsoft.IoTSecurity/*/read",
            "Microsoft.Support/*/read",
            "Microsoft.Security/iotDefenderSettings/packageDownloads/action",
            "Microsoft.Security/iotDefenderSettings/downloadManagerActivation/action",
            "Microsoft.Security/iotSensors/downloadResetPassword/action",
            "Microsoft.IoTSecurity/defenderSettings/packageDownloads/action",
            "Microsoft.IoTSecurity/defenderSettings/downloadManagerActivation/action",
            "Microsoft.Management/managementGroups/read",
        ],
    ),
    role(
        "fb1c8493-542b-48eb-b624-b4c8fea62acd",
        "Security Admin",
        "Reads like the Security Reader; changes security policy and settles recommendations and alerts.",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Authorization/policyAssignments/*",
            "Microsoft.Authorization/policyDefinitions/*",
            "Microsoft.Authorization/policyExemptions/*",
            "Microsoft.Authorization/policySetDefinitions/*",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Management/managementGroups/read",
            "Microsoft.operationalInsights/workspaces/*/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Security/*",
            "Microsoft.IoTSecurity/*",
            "Microsoft.IoTFirmwareDefense/*",
            "Microsoft.Support/*",
        ],
    ),
    role(
        KEY_VAULT_ADMINISTRATOR,
        "Key Vault Administrator",
        "Everything inside a vault: secrets, keys, certificates.",
        VAULT_SIGHT,
    )
    .data(&["Microsoft.KeyVault/vaults/*"]),
    role(
        "f25e0fa2-a7c8-4377-a976-54943a77a395",
        "Key Vault Contributor",
        "Manages vaults; sees nothing inside them.",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.KeyVault/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
        ],
    )
    .except(&[
        "Microsoft.KeyVault/locations/deletedVaults/purge/action",
        "Microsoft.KeyVault/hsmPools/*",
        "Microsoft.KeyVault/managedHsms/*",
    ]),
    role(
        "21090545-7ca7-4776-b22c-e363652d74d2",
        "Key Vault Reader",
        "Reads what a vault holds, without values of secrets and keys.",
        VAULT_SIGHT,
    )
    .data(&[
        "Microsoft.KeyVault/vaults/*/read",
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    ]),
    role(
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "Key Vault Secrets Officer",
        "Everything with secrets.",
        VAULT_SIGHT,
    )
    .data(&["Microsoft.KeyVault/vaults/secrets/*"]),
    role(
        "4633458b-17de-408a-b874-0445c86b69e6",
        "Key Vault Secrets User",
        "Reads the values of secrets.",
        &[],
    )
    .data(&[
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    ]),
    role(
        "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
        "Key Vault Crypto Officer",
        "Everything with keys.",
        VAULT_SIGHT,
    )
    .data(&["Microsoft.KeyVault/vaults/keys/*", "Microsoft.KeyVault/vaults/keyrotationpolicies/*"]),
    role(
        "12338af0-0e69-4776-bea7-57ae8d297424",
        "Key Vault Crypto User",
        "Uses keys: encrypt, sign, wrap.",
        &[],
    )
    .data(&[
        "Microsoft.KeyVault/vaults/keys/read",
        "Microsoft.KeyVault/vaults/keys/update/action",
        "Microsoft.KeyVault/vaults/keys/backup/action",
        "Microsoft.KeyVault/vaults/keys/encrypt/action",
        "Microsoft.KeyVault/vaults/keys/decrypt/action",
        "Microsoft.KeyVault/vaults/keys/wrap/action",
        "Microsoft.KeyVault/vaults/keys/unwrap/action",
        "Microsoft.KeyVault/vaults/keys/sign/action",
        "Microsoft.KeyVault/vaults/keys/verify/action",
    ]),
    role(
        "e147488a-f6f5-4113-8e2d-b22465e65bf6",
        "Key Vault Crypto Service Encryption User",
        "Wraps and unwraps keys for services that encrypt at rest.",
        &[
            "Microsoft.EventGrid/eventSubscriptions/write",
            "Microsoft.EventGrid/eventSubscriptions/read",
            "Microsoft.EventGrid/eventSubscriptions/delete",
        ],
    )
    .data(&[
        "Microsoft.KeyVault/vaults/keys/read",
        "Microsoft.KeyVault/vaults/keys/wrap/action",
        "Microsoft.KeyVault/vaults/keys/unwrap/action",
    ]),
    role(
        "08bbd89e-9f13-488c-ac41-acfcb10c90ab",
        "Key Vault Crypto Service Release User",
        "Releases keys to attested environments.",
        &[],
    )
    .data(&["Microsoft.KeyVault/vaults/keys/release/action"]),
    role(
        "a4417e6f-fecd-4de8-b567-7b0420556985",
        "Key Vault Certificates Officer",
        "Everything with certificates.",
        VAULT_SIGHT,
    )
    .data(&[
        "Microsoft.KeyVault/vaults/certificatecas/*",
        "Microsoft.KeyVault/vaults/certificates/*",
        "Microsoft.KeyVault/vaults/certificatecontacts/write",
    ]),
    role(
        "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba",
        "Key Vault Certificate User",
        "Reads certificates with their private part.",
        &[],
    )
    .data(&[
        "Microsoft.KeyVault/vaults/certificates/read",
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        "Microsoft.KeyVault/vaults/keys/read",
    ]),
    role(
        "a68e7c17-0ab2-4c09-9a58-125dae29748c",
        "Key Vault Purge Operator",
        "Purges deleted vaults.",
        &[
            "Microsoft.KeyVault/locations/deletedVaults/read",
            "Microsoft.KeyVault/locations/deletedVaults/purge/action",
            "Microsoft.KeyVault/locations/operationResults/read",
            "Microsoft.KeyVault/deletedVaults/read",
        ],
    ),
    // Key Vault Data Access Administrator is left out: without the condition that Azure puts on it, it would hand out
    // every right, and conditions are not evaluated here.
    role(
        "612c2aa1-cb24-443b-ac28-3ab7272de6f5",
        "Security Assessment Contributor",
        "Sends assessments.",
        &["Microsoft.Security/assessments/write"],
    ),
    role(
        "c18f9900-27b8-47c7-a8f0-5b3b3d4c2bc2",
        "Microsoft Sentinel Business Applications Agent Operator",
        "Lets an agent report and take actions from business applications.",
        &[
            "Microsoft.SecurityInsights/businessApplicationAgents/systems/listActions/action",
            "Microsoft.SecurityInsights/businessApplicationAgents/systems/reportActionStatus/action",
        ],
    ),
    role(
        "e8ddcd69-c73f-4f9f-9844-4100522f16ad",
        "Workbook Contributor",
        "Saves workbooks.",
        &[
            "Microsoft.Insights/workbooks/write",
            "Microsoft.Insights/workbooks/delete",
            "Microsoft.Insights/workbooks/read",
            "Microsoft.Insights/workbooks/revisions/read",
            "Microsoft.Insights/workbooktemplates/write",
            "Microsoft.Insights/workbooktemplates/delete",
            "Microsoft.Insights/workbooktemplates/read",
        ],
    ),
    role(
        "b279062a-9be3-42a0-92ae-8b3cf002ec4d",
        "Workbook Reader",
        "Reads workbooks.",
        &[
            "microsoft.insights/workbooks/read",
            "microsoft.insights/workbooks/revisions/read",
            "microsoft.insights/workbooktemplates/read",
        ],
    ),
    role(
        "ae349356-3a1b-4a5e-921d-050484c6347e",
        "Application Insights Component Contributor",
        "Manages Application Insights components.",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Insights/components/*",
            "Microsoft.Insights/metricAlerts/*",
            "Microsoft.Insights/scheduledqueryrules/*",
            "Microsoft.Insights/webtests/*",
            "Microsoft.ResourceHealth/availabilityStatuses/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
        ],
    ),
    role(
        "36243c78-bf99-498c-9df9-86d9f8d28608",
        "Resource Policy Contributor",
        "Writes and assigns policies.",
        &[
            "*/read",
            "Microsoft.Authorization/policyassignments/*",
            "Microsoft.Authorization/policydefinitions/*",
            "Microsoft.Authorization/policyexemptions/*",
            "Microsoft.Authorization/policysetdefinitions/*",
            "Microsoft.PolicyInsights/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Support/*",
        ],
    ),
    role(
        "87a39d53-fc1b-424a-814c-f7e04687dc9e",
        "Logic App Contributor",
        "Manages playbooks.",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.ClassicStorage/storageAccounts/listKeys/action",
            "Microsoft.ClassicStorage/storageAccounts/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Insights/diagnosticSettings/*",
            "Microsoft.Insights/logdefinitions/*",
            "Microsoft.Insights/metricDefinitions/*",
            "Microsoft.Logic/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/operationresults/read",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Storage/storageAccounts/listkeys/action",
            "Microsoft.Storage/storageAccounts/read",
            "Microsoft.Support/*",
            "Microsoft.Web/connectionGateways/*",
            "Microsoft.Web/connections/*",
            "Microsoft.Web/customApis/*",
            "Microsoft.Web/serverFarms/join/action",
            "Microsoft.Web/serverFarms/read",
            "Microsoft.Web/sites/functions/listSecrets/action",
        ],
    ),
    role(
        "515c2055-d9d4-4321-b1b9-bd0c9a0f79fe",
        "Logic App Operator",
        "Reads, enables and disables playbooks.",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*/read",
            "Microsoft.Insights/metricAlerts/*/read",
            "Microsoft.Insights/diagnosticSettings/*/read",
            "Microsoft.Insights/metricDefinitions/*/read",
            "Microsoft.Logic/*/read",
            "Microsoft.Logic/workflows/disable/action",
            "Microsoft.Logic/workflows/enable/action",
            "Microsoft.Logic/workflows/validate/action",
            "Microsoft.Resources/deployments/operations/read",
            "Microsoft.Resources/subscriptions/operationresults/read",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
            "Microsoft.Web/connectionGateways/*/read",
            "Microsoft.Web/connections/*/read",
            "Microsoft.Web/customApis/*/read",
            "Microsoft.Web/serverFarms/read",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_guids_and_nothing_is_there_twice() {
        let (mut ids, mut names) = (HashSet::new(), HashSet::new());
        for role in ROLES {
            let id = uuid::Uuid::try_parse(role.id).map(|id| id.to_string());
            assert_eq!(id.as_deref(), Ok(role.id), "{}", role.name);
            assert!(ids.insert(role.id) && names.insert(role.name), "{}", role.name);
        }
    }
}
