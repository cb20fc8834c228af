//! Many writers at once: nothing is lost, nothing is orphaned.

use std::sync::Arc;

use arm::{Call, Verb};
use serde_json::{Value, json};
use state::SqliteStore;

use crate::house::{House, search};

async fn durable_house() -> (Arc<House>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("state.db")).unwrap();
    (Arc::new(House::over(Arc::new(store), |b| b).await), folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn unconditional_patches_all_arrive() {
    let (house, _folder) = durable_house().await;
    let path = "#/providers/Microsoft.OperationalInsights/workspaces/shared";
    house.put(path, json!({"location": "local"})).await;
    let mut writers = Vec::new();
    for n in 0..8 {
        let house = Arc::clone(&house);
        writers.push(tokio::spawn(async move {
            let patch = json!({"properties": {"marks": {format!("m{n}"): n}}});
            house.send(Verb::Patch, path, patch).await.unwrap();
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let marks = house.get(path).await["properties"]["marks"].clone();
    assert_eq!(marks.as_object().unwrap().len(), 8, "{marks}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_conditional_writers_wins() {
    let (house, _folder) = durable_house().await;
    let path = "@/savedSearches/a";
    for round in 0..10 {
        let etag = match house.send(Verb::Get, path, Value::Null).await {
            Ok(answer) => Some(answer.value()["etag"].as_str().unwrap().to_owned()),
            Err(_) => None,
        };
        let mut writers = Vec::new();
        for n in 0..6 {
            let (house, etag) = (Arc::clone(&house), etag.clone());
            writers.push(tokio::spawn(async move {
                let mut call: Call = house.call(path, search(&format!("{round}/{n}")));
                call.if_none_match = etag.is_none().then(|| "*".to_owned());
                call.if_match = etag;
                house.arm.put(&call).await.map_err(|e| e.status)
            }));
        }
        let mut won = 0;
        for writer in writers {
            match writer.await.unwrap() {
                Ok(_) => won += 1,
                Err(status) => assert_eq!(status, 412),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_child_outlives_its_parent() {
    let (house, _folder) = durable_house().await;
    let parent = "#/providers/Microsoft.OperationalInsights/workspaces/short-lived";
    for _ in 0..15 {
        house.put(parent, json!({"location": "local"})).await;
        let mut writers = Vec::new();
        for n in 0..4 {
            let house = Arc::clone(&house);
            writers.push(tokio::spawn(async move {
                match house
                    .send(Verb::Put, &format!("{parent}/savedSearches/s{n}"), search("a"))
                    .await
                {
                    Ok(_) => {}
                    Err(error) => assert_eq!(error.code, "ParentResourceNotFound"),
                }
            }));
        }
        house.send(Verb::Delete, &format!("{parent}?force=true"), Value::Null).await.unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        let below = format!("{}/", house.id(parent).key());
        let left = house
            .arm
            .store()
            .list_all("microsoft.operationalinsights/workspaces/savedsearches", &below)
            .unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}
