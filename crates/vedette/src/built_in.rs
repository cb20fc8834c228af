//! The functions that ship, as the log store and queries over files take them.

use model::FunctionDefinition;

/// The shipped function of exactly this name.
pub(crate) fn function(name: &str) -> Option<FunctionDefinition> {
    content::functions().get(name).map(definition)
}

/// All shipped functions.
pub(crate) fn functions() -> impl Iterator<Item = FunctionDefinition> {
    content::functions().values().map(definition)
}

fn definition(function: &content::Function) -> FunctionDefinition {
    FunctionDefinition {
        name: function.name.into(),
        parameters: function.parameters.into(),
        body: function.body.into(),
    }
}
