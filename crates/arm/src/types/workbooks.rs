//! Workbooks: named JSON documents that a portal renders.

use serde_json::Value;

use crate::{Default, Etag, Field, Kind, Location, NameRule, PutContext, ResourceType};

/// A shared workbook.
pub(crate) const WORKBOOK: ResourceType = ResourceType::new("Microsoft.Insights/workbooks")
    .api_versions(&["2023-06-01", "2022-04-01", "2021-08-01", "2021-03-08", "2020-10-20"])
    .location(Location::Required)
    .names(NameRule::GUID)
    .etag(Etag::Shown)
    .invalid_code("BadRequest")
    .check(check);

fn check(workbook: &mut PutContext<'_>) -> Result<(), crate::ArmError> {
    workbook.check_fields(&[
        Field::required("displayName", Kind::Text(256)),
        Field::required("serializedData", Kind::Text(4 << 20)),
        Field::required("category", Kind::Text(256)),
        Field::new("description", Kind::Text(4096)),
        Field::new("sourceId", Kind::Text(2048)),
        Field::new("version", Kind::Text(64)).or(Default::Text("Notebook/1.0")),
        Field::new("tags", Kind::Texts(50)),
    ])?;
    let parsed = workbook.text("serializedData").map(serde_json::from_str::<Value>);
    if !matches!(parsed, Some(Ok(Value::Object(_)))) {
        let message = "'serializedData' must be the text of a JSON object, the workbook's template";
        return Err(workbook.invalid("properties.serializedData", message));
    }
    workbook.top.insert("kind".into(), "shared".into());
    let (user, now) = (workbook.call.caller.name.clone(), workbook.call.now.to_string());
    workbook.set("userId", user);
    workbook.set("timeModified", now);
    workbook.once("revision", || uuid::Uuid::new_v4().simple().to_string().into());
    Ok(())
}
