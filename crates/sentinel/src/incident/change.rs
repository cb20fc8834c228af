//! What a PUT does to an incident.

use model::{DateTime, ResourceId, Severity};
use serde_json::Value;

use super::{CLASSIFICATIONS, Closing, Incident, IncidentStatus, Label, Owner};
use crate::fields::{Fields, Invalid};

const SEVERITIES: &[(&str, Severity)] = &[
    ("High", Severity::High),
    ("Medium", Severity::Medium),
    ("Low", Severity::Low),
    ("Informational", Severity::Informational),
];

/// Longest texts, in characters.
const TITLE_MAX: usize = 500;
const DESCRIPTION_MAX: usize = 5_000;
const LABELS_MAX: usize = 100;

/// The incident after a PUT. Title, severity and status must be sent; of the rest what is not sent stays, what is null
/// is emptied. A new incident gets `number` and `url`.
pub fn put(
    existing: Option<Incident>,
    id: &ResourceId,
    (number, url): (i64, String),
    body: &Value,
    by: &str,
    now: DateTime,
) -> Result<Incident, Invalid> {
    let properties = body.get("properties").unwrap_or(&Value::Null);
    let fields = Fields::of("properties", properties)?;
    let title = fields.required_text("title")?;
    at_most(&fields, "title", &title, TITLE_MAX)?;
    let severity =
        fields.one_of("severity", SEVERITIES)?.ok_or_else(|| fields.missing("severity"))?;
    let status =
        fields.one_of("status", IncidentStatus::NAMES)?.ok_or_else(|| fields.missing("status"))?;
    let was_closing = existing.as_ref().and_then(|i| i.closing.clone());
    let created = existing.is_none();
    let mut incident = existing.unwrap_or_else(|| Incident::new(id.clone(), number, url, by, now));
    incident.title = title;
    incident.severity = severity;
    incident.status = status;
    incident.closing = match status {
        IncidentStatus::Closed => Some(closing(&fields, was_closing.as_ref(), now)?),
        IncidentStatus::New | IncidentStatus::Active => None,
    };
    if sent(properties, "description") {
        incident.description = fields.text("description")?.unwrap_or_default();
        at_most(&fields, "description", &incident.description, DESCRIPTION_MAX)?;
    }
    if sent(properties, "owner") {
        fields.object("owner")?;
        incident.owner = Owner::read(fields.get("owner"));
    }
    if sent(properties, "labels") {
        incident.labels = labels(&fields)?;
    }
    for (name, at) in [
        ("firstActivityTimeUtc", &mut incident.first_activity),
        ("lastActivityTimeUtc", &mut incident.last_activity),
    ] {
        if let Some(text) = fields.text(name)? {
            let time = DateTime::parse(&text);
            *at = Some(time.ok_or_else(|| fields.invalid(name, "an ISO 8601 time is required"))?);
        }
    }
    if !created {
        incident.touch(by, now);
    }
    Ok(incident)
}

fn sent(properties: &Value, name: &str) -> bool {
    properties.as_object().is_some_and(|p| p.keys().any(|k| k.eq_ignore_ascii_case(name)))
}

fn at_most(fields: &Fields<'_>, name: &str, text: &str, most: usize) -> Result<(), Invalid> {
    if text.chars().count() <= most {
        return Ok(());
    }
    Err(fields.invalid(name, format!("at most {most} characters are allowed")))
}

/// A closed incident says why: a classification, and its reason unless it is Undetermined.
fn closing(
    fields: &Fields<'_>,
    before: Option<&Closing>,
    now: DateTime,
) -> Result<Closing, Invalid> {
    let text = fields.required_text("classification")?;
    let found = CLASSIFICATIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text));
    let Some((classification, reasons)) = found else {
        let names: Vec<&str> = CLASSIFICATIONS.iter().map(|(name, _)| *name).collect();
        return Err(fields
            .invalid("classification", format!("'{text}' is not one of {}", names.join(", "))));
    };
    let reason = match (fields.text("classificationReason")?, *reasons) {
        (_, []) => None,
        (Some(reason), reasons) => {
            let known = reasons.iter().find(|r| r.eq_ignore_ascii_case(&reason)).copied();
            let problem = || {
                format!(
                    "'{reason}' does not go with {classification}; use {}",
                    reasons.join(" or ")
                )
            };
            Some(known.ok_or_else(|| fields.invalid("classificationReason", problem()))?)
        }
        (None, reasons) => {
            let problem = format!("{classification} needs a reason: {}", reasons.join(" or "));
            return Err(fields.invalid("classificationReason", problem));
        }
    };
    Ok(Closing {
        classification: (*classification).to_owned(),
        reason: reason.map(str::to_owned),
        comment: fields.text("classificationComment")?.filter(|c| !c.is_empty()),
        at: before.map_or(now, |before| before.at),
    })
}

fn labels(fields: &Fields<'_>) -> Result<Vec<Label>, Invalid> {
    let items = fields.objects("labels")?;
    if items.len() > LABELS_MAX {
        return Err(fields.invalid("labels", format!("at most {LABELS_MAX} labels are allowed")));
    }
    for item in &items {
        item.required_text("labelName")?;
    }
    Ok(Label::read_list(fields.get("labels")))
}
