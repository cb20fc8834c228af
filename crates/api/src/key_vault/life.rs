//! What secrets, keys and certificates do alike: lists, versions, deletion and the way back, backups.

use serde::Deserialize;
use serde_json::{Value, json};
use vault::{Found, Kind, Life, VaultError};

use super::paging;
use super::shape::add_deleted;
use super::work::{Reply, Work};

/// How objects of a kind look on the wire.
pub(super) trait Shape {
    const KIND: Kind;

    /// An object in a list.
    fn item(work: &Work, found: &Found) -> Value;

    /// A version by itself.
    fn whole(work: &Work, found: &Found) -> Value;

    /// A version in a list of versions.
    fn version(work: &Work, found: &Found) -> Value {
        Self::whole(work, found)
    }

    /// The answer that gives a version.
    fn answer(work: &Work, found: &Found) -> Reply {
        Reply::json(&Self::whole(work, found))
    }
}

fn deleted(work: &Work, found: &Found, mut out: Value) -> Value {
    add_deleted(work, found, &mut out);
    out
}

pub(super) fn list<S: Shape>(work: &Work) -> Result<Reply, VaultError> {
    let asked = paging::asked(work)?;
    let page = work.vault.list(S::KIND, Life::Live, &asked.after, asked.limit);
    Ok(paging::answer(work, &page, |found| S::item(work, found)))
}

pub(super) fn versions<S: Shape>(work: &Work) -> Result<Reply, VaultError> {
    let asked = paging::asked(work)?;
    let page = work.vault.versions(S::KIND, &work.name, &asked.after, asked.limit)?;
    Ok(paging::answer(work, &page, |found| S::version(work, found)))
}

pub(super) fn delete<S: Shape>(work: &Work) -> Result<Reply, VaultError> {
    let found = work.vault.delete(S::KIND, &work.name, work.now)?;
    Ok(Reply::json(&deleted(work, &found, S::whole(work, &found))))
}

pub(super) fn list_deleted<S: Shape>(work: &Work) -> Result<Reply, VaultError> {
    let asked = paging::asked(work)?;
    let page = work.vault.list(S::KIND, Life::Deleted, &asked.after, asked.limit);
    Ok(paging::answer(work, &page, |found| deleted(work, found, S::item(work, found))))
}

pub(super) fn get_deleted<S: Shape>(work: &Work) -> Result<Reply, VaultError> {
    let found = work.vault.find_deleted(S::KIND, &work.name)?;
    Ok(Reply::json(&deleted(work, &found, S::whole(work, &found))))
}

pub(super) fn recover<S: Shape>(work: &Work) -> Result<Reply, VaultError> {
    Ok(S::answer(work, &work.vault.recover(S::KIND, &work.name)?))
}

pub(super) fn purge<S: Shape>(work: &Work) -> Result<Reply, VaultError> {
    work.vault.purge(S::KIND, &work.name)?;
    Ok(Reply::nothing())
}

pub(super) fn backup<S: Shape>(work: &Work) -> Result<Reply, VaultError> {
    Ok(Reply::json(&json!({ "value": work.vault.backup(S::KIND, &work.name)? })))
}

#[derive(Deserialize)]
struct RestoreBody {
    value: String,
}

pub(super) fn restore<S: Shape>(work: &Work) -> Result<Reply, VaultError> {
    let body: RestoreBody = work.read()?;
    Ok(S::answer(work, &work.vault.restore(S::KIND, &body.value)?))
}
