//! The resource types that live in this crate, one family per file.

use std::sync::Arc;

use model::Tables;
use state::Store;

use crate::{Arm, ArmBuilder, ResourceType, Settings, Verb};

pub(crate) mod data_collection;
mod generic_list;
mod resource_groups;
pub(crate) mod saved_searches;
mod solutions;
pub(crate) mod subscriptions;
pub(crate) mod tables;
mod tags;
mod workbooks;
pub(crate) mod workspaces;

/// All types of this crate.
pub const TYPES: &[ResourceType] = &[
    subscriptions::TENANT,
    subscriptions::SUBSCRIPTION,
    resource_groups::RESOURCE_GROUP,
    tags::TAGS,
    workspaces::WORKSPACE,
    saved_searches::SAVED_SEARCH,
    tables::TABLE,
    data_collection::ENDPOINT,
    data_collection::RULE,
    data_collection::ASSOCIATION,
    solutions::SOLUTION,
    workbooks::WORKBOOK,
];

/// A house with this crate's types over a store and the tables; pillars add theirs before it is built.
pub fn builder(
    store: Arc<dyn Store>,
    settings: Settings,
    log_tables: Arc<dyn Tables>,
) -> ArmBuilder {
    let resources = Arc::new(generic_list::Resources);
    let (functions, workspace) = (
        saved_searches::SavedFunctions::new(Arc::clone(&log_tables)),
        workspaces::FollowWorkspace::new(Arc::clone(&log_tables)),
    );
    Arm::builder(store, settings)
        .types(TYPES)
        .provider(tags::TAGS.name, Arc::new(tags::Tags))
        .provider(
            tables::TABLE.name,
            Arc::new(tables::TablesProvider::new(Arc::clone(&log_tables))),
        )
        .hook(saved_searches::SAVED_SEARCH.name, Arc::new(functions))
        .hook(workspaces::WORKSPACE.name, Arc::new(workspace))
        .hook(data_collection::RULE.name, Arc::new(data_collection::RuleTables::new(log_tables)))
        .hook(data_collection::RULE.name, Arc::new(data_collection::RuleInUse))
        .action(subscriptions::SUBSCRIPTION.name, Verb::Get, "resources", resources.clone())
        .action(resource_groups::RESOURCE_GROUP.name, Verb::Get, "resources", resources)
        .action(
            subscriptions::SUBSCRIPTION.name,
            Verb::Get,
            "locations",
            Arc::new(subscriptions::Locations),
        )
        .action(
            "Microsoft.OperationalInsights",
            Verb::Get,
            "deletedWorkspaces",
            Arc::new(workspaces::DeletedWorkspaces),
        )
        .action(
            workspaces::WORKSPACE.name,
            Verb::Post,
            "sharedKeys",
            Arc::new(workspaces::SharedKeys),
        )
        .action(
            workspaces::WORKSPACE.name,
            Verb::Post,
            "regenerateSharedKey",
            Arc::new(workspaces::RegenerateSharedKeys),
        )
        .action(
            workspaces::WORKSPACE.name,
            Verb::Get,
            "intelligencePacks",
            Arc::new(solutions::Packs),
        )
        .action(
            workspaces::WORKSPACE.name,
            Verb::Get,
            "managementGroups",
            Arc::new(workspaces::NoManagementGroups),
        )
        .action(
            data_collection::RULE.name,
            Verb::Get,
            "associations",
            Arc::new(data_collection::RuleAssociations),
        )
        .action(
            data_collection::ENDPOINT.name,
            Verb::Get,
            "associations",
            Arc::new(data_collection::RuleAssociations),
        )
}
