//! An incident as it is stored, answered over the API, and written as a row of SecurityIncident.

use model::{DateTime, ResourceId, Severity};
use serde_json::{Map, Value, json};

use super::{Closing, Incident, IncidentStatus, Label, Owner};
use crate::alert::PRODUCT_NAME;

/// Type of the resource.
pub(crate) const INCIDENT_TYPE: &str = "Microsoft.SecurityInsights/Incidents";

impl Incident {
    /// As stored: the resource, and beside it what the API does not show.
    pub fn document(&self) -> Value {
        let mut document = self.resource();
        document["state"] = json!({
            "alertIds": self.alert_ids,
            "firstModified": time(self.first_modified),
            "closed": time(self.closing.as_ref().map(|c| c.at)),
            "modifiedBy": self.modified_by,
        });
        document
    }

    /// Reads what is stored.
    pub fn from_document(document: &Value) -> Option<Self> {
        let properties = document.get("properties")?;
        let state = document.get("state")?;
        let text = |name: &str| properties.get(name).and_then(Value::as_str).map(str::to_owned);
        let at = |value: &Value, name: &str| value.get(name)?.as_str().and_then(DateTime::parse);
        let more = properties.get("additionalData")?;
        let status = text("status")?;
        let (_, status) = IncidentStatus::NAMES.iter().find(|(name, _)| *name == status)?;
        Some(Self {
            id: ResourceId::new(document.get("id")?.as_str()?),
            number: properties.get("incidentNumber")?.as_i64()?,
            title: text("title")?,
            description: text("description").unwrap_or_default(),
            severity: Severity::from_name(&text("severity")?)?,
            status: *status,
            closing: text("classification").and_then(|classification| {
                Some(Closing {
                    classification,
                    reason: text("classificationReason"),
                    comment: text("classificationComment"),
                    at: at(state, "closed")?,
                })
            }),
            owner: Owner::read(properties.get("owner")),
            labels: Label::read_list(properties.get("labels")),
            first_activity: at(properties, "firstActivityTimeUtc"),
            last_activity: at(properties, "lastActivityTimeUtc"),
            created: at(properties, "createdTimeUtc")?,
            modified: at(properties, "lastModifiedTimeUtc")?,
            first_modified: at(state, "firstModified"),
            modified_by: state.get("modifiedBy")?.as_str()?.to_owned(),
            rule_ids: texts(properties.get("relatedAnalyticRuleIds")),
            alert_ids: texts(state.get("alertIds")),
            product_names: texts(more.get("alertProductNames")),
            tactics: texts(more.get("tactics")),
            techniques: texts(more.get("techniques")),
            comments: more.get("commentsCount")?.as_u64().and_then(|n| usize::try_from(n).ok())?,
            url: text("incidentUrl").unwrap_or_default(),
        })
    }

    /// The resource, without etag.
    pub fn resource(&self) -> Value {
        let closing = self.closing.as_ref();
        json!({
            "id": self.id.as_str(),
            "name": self.id.name(),
            "type": INCIDENT_TYPE,
            "properties": {
                "title": self.title,
                "description": self.description,
                "severity": self.severity.name(),
                "status": self.status.name(),
                "classification": closing.map(|c| &c.classification),
                "classificationReason": closing.and_then(|c| c.reason.as_ref()),
                "classificationComment": closing.and_then(|c| c.comment.as_ref()),
                "owner": self.owner.to_json(),
                "labels": self.labels.iter().map(Label::to_json).collect::<Vec<_>>(),
                "firstActivityTimeUtc": time(self.first_activity),
                "lastActivityTimeUtc": time(self.last_activity),
                "lastModifiedTimeUtc": self.modified.to_string(),
                "createdTimeUtc": self.created.to_string(),
                "incidentNumber": self.number,
                "additionalData": self.additional_data(),
                "relatedAnalyticRuleIds": self.rule_ids,
                "incidentUrl": self.url,
                "providerName": PRODUCT_NAME,
                "providerIncidentId": self.number.to_string(),
            },
        })
    }

    fn additional_data(&self) -> Value {
        json!({
            "alertsCount": self.alert_ids.len(),
            "bookmarksCount": 0,
            "commentsCount": self.comments,
            "alertProductNames": self.product_names,
            "tactics": self.tactics,
            "techniques": self.techniques,
        })
    }

    /// The row of SecurityIncident that this state makes. `comments` are the properties of its comments, oldest first.
    pub fn record(&self, comments: &[Value]) -> Map<String, Value> {
        let closing = self.closing.as_ref();
        let rules: Vec<&str> =
            self.rule_ids.iter().map(|id| id.rsplit('/').next().unwrap_or("")).collect();
        let mut record = Map::new();
        let mut put = |name: &str, value: Value| {
            record.insert(name.to_owned(), value);
        };
        put("TimeGenerated", self.modified.to_string().into());
        put("IncidentName", self.id.name().into());
        put("IncidentNumber", self.number.into());
        put("Title", self.title.as_str().into());
        put("Description", self.description.as_str().into());
        put("Severity", self.severity.name().into());
        put("Status", self.status.name().into());
        put("Classification", closing.map_or("", |c| c.classification.as_str()).into());
        put(
            "ClassificationComment",
            closing.and_then(|c| c.comment.as_deref()).unwrap_or("").into(),
        );
        put("ClassificationReason", closing.and_then(|c| c.reason.as_deref()).unwrap_or("").into());
        put("Owner", self.owner.to_json());
        put("ProviderName", PRODUCT_NAME.into());
        put("ProviderIncidentId", self.number.to_string().into());
        put("FirstActivityTime", time(self.first_activity).into());
        put("LastActivityTime", time(self.last_activity).into());
        put("FirstModifiedTime", time(self.first_modified).into());
        put("LastModifiedTime", self.modified.to_string().into());
        put("CreatedTime", self.created.to_string().into());
        put("ClosedTime", time(closing.map(|c| c.at)).into());
        put("RelatedAnalyticRuleIds", rules.into());
        put("AlertIds", self.alert_ids.clone().into());
        put("BookmarkIds", json!([]));
        put("Comments", comments.into());
        put("Tasks", json!([]));
        put("Labels", self.labels.iter().map(Label::to_json).collect());
        put("IncidentUrl", self.url.as_str().into());
        put("AdditionalData", self.additional_data());
        put("ModifiedBy", self.modified_by.as_str().into());
        put("SourceSystem", "Azure".into());
        record
    }
}

/// (name over the API, field) of an owner.
type OwnerField = fn(&mut Owner) -> &mut Option<String>;
const OWNER: &[(&str, OwnerField)] = &[
    ("objectId", |o| &mut o.object_id),
    ("email", |o| &mut o.email),
    ("assignedTo", |o| &mut o.assigned_to),
    ("userPrincipalName", |o| &mut o.user_principal_name),
    ("ownerType", |o| &mut o.owner_type),
];

impl Owner {
    /// Reads an owner; anything that is none is nobody.
    pub fn read(value: Option<&Value>) -> Self {
        let mut owner = Self::default();
        for (name, field) in OWNER {
            let text = value.and_then(|v| v.get(*name)).and_then(Value::as_str);
            *field(&mut owner) = text.filter(|t| !t.is_empty()).map(str::to_owned);
        }
        owner
    }

    fn to_json(&self) -> Value {
        let mut owner = self.clone();
        let mut object = Map::new();
        for (name, field) in OWNER {
            object.insert((*name).to_owned(), field(&mut owner).take().into());
        }
        object.into()
    }
}

impl Label {
    /// Reads a list of labels; what is none falls away.
    pub fn read_list(value: Option<&Value>) -> Vec<Self> {
        let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text =
            |item: &Value, name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
        let label = |item: &Value| {
            let label_type = text(item, "labelType").unwrap_or_else(|| "User".to_owned());
            Some(Self {
                name: text(item, "labelName").filter(|n| !n.trim().is_empty())?,
                label_type,
            })
        };
        let mut labels: Vec<Self> = Vec::new();
        for label in items.iter().filter_map(label) {
            if labels.iter().all(|known| known.name != label.name) {
                labels.push(label);
            }
        }
        labels
    }

    fn to_json(&self) -> Value {
        json!({ "labelName": self.name, "labelType": self.label_type })
    }
}

fn time(at: Option<DateTime>) -> Option<String> {
    at.map(|at| at.to_string())
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
