//! Data collection endpoints: where senders send to. All of them are this server's public URL.

use serde_json::json;

use super::{API_VERSIONS, immutable_id};
use crate::{ArmError, Default, Etag, Field, Kind, Location, Patch, PutContext, ResourceType};

/// A data collection endpoint.
pub(crate) const ENDPOINT: ResourceType =
    ResourceType::new("Microsoft.Insights/dataCollectionEndpoints")
        .api_versions(API_VERSIONS)
        .location(Location::Required)
        .etag(Etag::Shown)
        .patch(Patch::Tags)
        .invalid_code("InvalidPayload")
        .check(check);

fn check(endpoint: &mut PutContext<'_>) -> Result<(), ArmError> {
    endpoint.check_fields(&[
        Field::new("description", Kind::Text(1024)),
        // closing it to the public network is refused: this server does not do it
        Field::new("networkAcls/publicNetworkAccess", Kind::OneOf(&["Enabled"]))
            .or(Default::Text("Enabled")),
        Field::read_only("immutableId"),
    ])?;
    let url = endpoint.settings.public_url.clone();
    endpoint.once("immutableId", || immutable_id("dce"));
    for door in ["configurationAccess", "logsIngestion", "metricsIngestion"] {
        endpoint.set(door, json!({ "endpoint": url }));
    }
    endpoint.succeeded();
    Ok(())
}
