//! The entity types a rule can map, their identifiers, and how alerts and the API spell them.

/// How an identifier's value is written over the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As text.
    Text,
    /// As a whole number; left out when it is none.
    Whole,
    /// As true or false; left out when it is neither.
    Flag,
    /// As an instant; left out when it is none.
    Instant,
    /// As a list of texts.
    List,
}

/// One attribute of an entity.
#[derive(PartialEq, Eq)]
pub struct Identifier {
    /// Name in entity mappings and in an alert's `Entities`.
    pub name: &'static str,
    /// Name in the API's entity properties; empty for what is taken apart before (`FullName`).
    pub api: &'static str,
    /// Form over the API.
    pub form: Form,
}

/// One type of entity.
#[derive(PartialEq, Eq)]
pub struct EntityType {
    /// Name in entity mappings: `IP`, `FileHash`.
    pub name: &'static str,
    /// Kind over the API: `Ip`, `FileHash`.
    pub kind: &'static str,
    /// `Type` in an alert's `Entities`: `ip`, `filehash`.
    pub alert_type: &'static str,
    /// All identifiers.
    pub identifiers: &'static [Identifier],
    /// Identifiers that name an entity to people, best first.
    pub friendly: &'static [&'static str],
}

const fn text(name: &'static str, api: &'static str) -> Identifier {
    Identifier { name, api, form: Form::Text }
}

const fn other(name: &'static str, api: &'static str, form: Form) -> Identifier {
    Identifier { name, api, form }
}

/// All types, in the order of Azure's documentation.
pub const ENTITY_TYPES: &[EntityType] = &[
    EntityType {
        name: "Account",
        kind: "Account",
        alert_type: "account",
        identifiers: &[
            text("Name", "accountName"),
            text("FullName", ""),
            text("NTDomain", "ntDomain"),
            text("DnsDomain", "dnsDomain"),
            text("UPNSuffix", "upnSuffix"),
            text("Sid", "sid"),
            text("AadTenantId", "aadTenantId"),
            text("AadUserId", "aadUserId"),
            text("PUID", "puid"),
            other("IsDomainJoined", "isDomainJoined", Form::Flag),
            text("DisplayName", "displayName"),
            text("ObjectGuid", "objectGuid"),
        ],
        friendly: &["Name", "DisplayName", "Sid", "AadUserId", "ObjectGuid", "PUID"],
    },
    EntityType {
        name: "Host",
        kind: "Host",
        alert_type: "host",
        identifiers: &[
            text("HostName", "hostName"),
            text("FullName", ""),
            text("NetBiosName", "netBiosName"),
            text("DnsDomain", "dnsDomain"),
            text("NTDomain", "ntDomain"),
            text("AzureID", "azureID"),
            text("OMSAgentID", "omsAgentID"),
            text("OSFamily", "osFamily"),
            text("OSVersion", "osVersion"),
            other("IsDomainJoined", "isDomainJoined", Form::Flag),
        ],
        friendly: &["HostName", "NetBiosName", "AzureID", "OMSAgentID"],
    },
    EntityType {
        name: "IP",
        kind: "Ip",
        alert_type: "ip",
        identifiers: &[text("Address", "address"), text("AddressScope", "addressScope")],
        friendly: &["Address"],
    },
    EntityType {
        name: "URL",
        kind: "Url",
        alert_type: "url",
        identifiers: &[text("Url", "url")],
        friendly: &["Url"],
    },
    EntityType {
        name: "AzureResource",
        kind: "AzureResource",
        alert_type: "azure-resource",
        identifiers: &[text("ResourceId", "resourceId")],
        friendly: &["ResourceId"],
    },
    EntityType {
        name: "CloudApplication",
        kind: "CloudApplication",
        alert_type: "cloud-application",
        identifiers: &[
            text("Name", "appName"),
            other("AppId", "appId", Form::Whole),
            other("SaasId", "saasId", Form::Whole),
            text("InstanceName", "instanceName"),
        ],
        friendly: &["Name", "InstanceName", "AppId"],
    },
    EntityType {
        name: "DNS",
        kind: "DnsResolution",
        alert_type: "dns",
        identifiers: &[text("DomainName", "domainName")],
        friendly: &["DomainName"],
    },
    EntityType {
        name: "File",
        kind: "File",
        alert_type: "file",
        identifiers: &[text("Name", "fileName"), text("Directory", "directory")],
        friendly: &["Name", "Directory"],
    },
    EntityType {
        name: "FileHash",
        kind: "FileHash",
        alert_type: "filehash",
        identifiers: &[text("Algorithm", "algorithm"), text("Value", "hashValue")],
        friendly: &["Value"],
    },
    EntityType {
        name: "Malware",
        kind: "Malware",
        alert_type: "malware",
        identifiers: &[text("Name", "malwareName"), text("Category", "category")],
        friendly: &["Name", "Category"],
    },
    EntityType {
        name: "Process",
        kind: "Process",
        alert_type: "process",
        identifiers: &[
            text("ProcessId", "processId"),
            text("CommandLine", "commandLine"),
            text("ElevationToken", "elevationToken"),
            other("CreationTimeUtc", "creationTimeUtc", Form::Instant),
        ],
        friendly: &["CommandLine", "ProcessId"],
    },
    EntityType {
        name: "RegistryKey",
        kind: "RegistryKey",
        alert_type: "registry-key",
        identifiers: &[text("Hive", "hive"), text("Key", "key")],
        friendly: &["Key", "Hive"],
    },
    EntityType {
        name: "RegistryValue",
        kind: "RegistryValue",
        alert_type: "registry-value",
        identifiers: &[
            text("Name", "valueName"),
            text("Value", "valueData"),
            text("ValueType", "valueType"),
        ],
        friendly: &["Name", "Value"],
    },
    EntityType {
        name: "SecurityGroup",
        kind: "SecurityGroup",
        alert_type: "security-group",
        identifiers: &[
            text("DistinguishedName", "distinguishedName"),
            text("SID", "sid"),
            text("ObjectGuid", "objectGuid"),
        ],
        friendly: &["DistinguishedName", "SID", "ObjectGuid"],
    },
    EntityType {
        name: "Mailbox",
        kind: "Mailbox",
        alert_type: "mailbox",
        identifiers: &[
            text("MailboxPrimaryAddress", "mailboxPrimaryAddress"),
            text("DisplayName", "displayName"),
            text("Upn", "upn"),
            text("ExternalDirectoryObjectId", "externalDirectoryObjectId"),
            text("RiskLevel", "riskLevel"),
        ],
        friendly: &["MailboxPrimaryAddress", "Upn", "DisplayName"],
    },
    EntityType {
        name: "MailCluster",
        kind: "MailCluster",
        alert_type: "mail-cluster",
        identifiers: &[
            text("Query", "query"),
            text("Source", "source"),
            other("NetworkMessageIds", "networkMessageIds", Form::List),
            other("Threats", "threats", Form::List),
            other("QueryTime", "queryTime", Form::Instant),
            other("MailCount", "mailCount", Form::Whole),
            other("IsVolumeAnomaly", "isVolumeAnomaly", Form::Flag),
            text("ClusterSourceIdentifier", "clusterSourceIdentifier"),
            text("ClusterSourceType", "clusterSourceType"),
            other("ClusterQueryStartTime", "clusterQueryStartTime", Form::Instant),
            other("ClusterQueryEndTime", "clusterQueryEndTime", Form::Instant),
            text("ClusterGroup", "clusterGroup"),
        ],
        friendly: &["Query", "Source"],
    },
    EntityType {
        name: "MailMessage",
        kind: "MailMessage",
        alert_type: "mail-message",
        identifiers: &[
            text("Recipient", "recipient"),
            other("Urls", "urls", Form::List),
            other("Threats", "threats", Form::List),
            text("Sender", "sender"),
            text("P1Sender", "p1Sender"),
            text("P1SenderDisplayName", "p1SenderDisplayName"),
            text("P1SenderDomain", "p1SenderDomain"),
            text("SenderIP", "senderIP"),
            text("P2Sender", "p2Sender"),
            text("P2SenderDisplayName", "p2SenderDisplayName"),
            text("P2SenderDomain", "p2SenderDomain"),
            other("ReceivedDate", "receiveDate", Form::Instant),
            other("ReceiveDate", "receiveDate", Form::Instant),
            text("NetworkMessageId", "networkMessageId"),
            text("InternetMessageId", "internetMessageId"),
            text("Subject", "subject"),
            text("Language", "language"),
            other("ThreatDetectionMethods", "threatDetectionMethods", Form::List),
            other("BodyFingerprintBin1", "bodyFingerprintBin1", Form::Whole),
            other("BodyFingerprintBin2", "bodyFingerprintBin2", Form::Whole),
            other("BodyFingerprintBin3", "bodyFingerprintBin3", Form::Whole),
            other("BodyFingerprintBin4", "bodyFingerprintBin4", Form::Whole),
            other("BodyFingerprintBin5", "bodyFingerprintBin5", Form::Whole),
            text("AntispamDirection", "antispamDirection"),
            text("DeliveryAction", "deliveryAction"),
            text("DeliveryLocation", "deliveryLocation"),
        ],
        friendly: &["Subject", "Recipient", "NetworkMessageId"],
    },
    EntityType {
        name: "SubmissionMail",
        kind: "SubmissionMail",
        alert_type: "SubmissionMail",
        identifiers: &[
            text("SubmissionId", "submissionId"),
            other("SubmissionDate", "submissionDate", Form::Instant),
            text("Submitter", "submitter"),
            text("NetworkMessageId", "networkMessageId"),
            other("Timestamp", "timestamp", Form::Instant),
            text("Recipient", "recipient"),
            text("Sender", "sender"),
            text("SenderIp", "senderIp"),
            text("Subject", "subject"),
            text("ReportType", "reportType"),
        ],
        friendly: &["Subject", "SubmissionId"],
    },
];

impl std::fmt::Debug for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl std::fmt::Debug for EntityType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl EntityType {
    /// The type with this mapping name, in any case; blanks fall away (`File hash`).
    pub fn from_name(name: &str) -> Option<&'static Self> {
        let plain: String = name.chars().filter(|c| !c.is_whitespace()).collect();
        ENTITY_TYPES.iter().find(|t| t.name.eq_ignore_ascii_case(&plain))
    }

    /// The type with this `Type` in an alert's entities.
    pub fn from_alert_type(name: &str) -> Option<&'static Self> {
        ENTITY_TYPES.iter().find(|t| t.alert_type.eq_ignore_ascii_case(name.trim()))
    }

    /// The identifier with this name, in any case.
    pub fn identifier(&self, name: &str) -> Option<&'static Identifier> {
        let identifiers: &'static [Identifier] = self.identifiers;
        identifiers.iter().find(|i| i.name.eq_ignore_ascii_case(name.trim()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_found_as_people_write_them() {
        for (name, want) in [
            ("File hash", "FileHash"),
            ("ip", "IP"),
            ("Url", "URL"),
            ("AzureResource", "AzureResource"),
        ] {
            assert_eq!(EntityType::from_name(name).unwrap().name, want);
        }
        assert!(EntityType::from_name("Cat").is_none());
    }

    #[test]
    fn the_table_is_sound() {
        for ty in ENTITY_TYPES {
            for friendly in ty.friendly {
                assert!(ty.identifier(friendly).is_some(), "{}.{friendly}", ty.name);
            }
            let again = EntityType::from_alert_type(ty.alert_type).unwrap();
            assert_eq!(again.name, ty.name);
        }
    }
}
