//! A query over files: the same engine as the server's, over tables in memory. Azure's own tables are there too, empty
//! unless a file fills them, so that published queries run as they stand.

use std::path::Path;
use std::sync::Arc;

use engine::places::Places;
use engine::source::{
    Catalog, ExternalData, ExternalReader, MemoryCatalog, MemoryTable, TableSource,
};
use engine::{Query, query};
use model::{Clock, FunctionDefinition, QueryAnswer, QueryLimits, Rows, SystemClock};

use super::{files, refused};
use crate::external::External;
use crate::outcome::WrongUse;

/// Memory that a query on this machine may take before it goes to disk.
const MEMORY_MAX: usize = 4 << 30;

/// Runs the query over the files given as `[NAME=]PATH`; `externaldata` reads from the places allowed.
pub(super) fn ask(
    text: &str,
    tables: &[String],
    mmdb: Option<&Path>,
    external: External,
) -> anyhow::Result<QueryAnswer> {
    let now = SystemClock.now();
    let mut given = MemoryCatalog::default();
    for table in files::read(tables, now)? {
        given.insert(Arc::new(table));
    }
    let limits = QueryLimits {
        rows_max: usize::MAX,
        bytes_max: usize::MAX,
        memory_max: MEMORY_MAX,
        ..QueryLimits::default()
    };
    let places = mmdb.map(Places::open).transpose().map_err(WrongUse::because)?.map(Arc::new);
    let catalog = Arc::new(Local(given, places, external));
    let asked =
        Query { limits, spill: Some(std::env::temp_dir()), ..Query::new(text, catalog, now) };
    on_large_stack(|| query(&asked))?.map_err(refused)
}

/// The files' tables, and behind them Azure's without rows.
struct Local(MemoryCatalog, Option<Arc<Places>>, External);

impl Catalog for Local {
    fn table(&self, name: &str) -> Option<Arc<dyn TableSource>> {
        self.0.table(name).or_else(|| {
            let schema = collect::builtin_schema(name)?;
            let rows = Rows { schema, batches: Vec::new() };
            Some(Arc::new(MemoryTable::new(name, rows)))
        })
    }

    /// The files' tables alone: `union *` and suggestions are about them.
    fn table_names(&self) -> Vec<Arc<str>> {
        self.0.table_names()
    }

    fn function(&self, name: &str) -> Option<Arc<FunctionDefinition>> {
        // a file by the name of a function stands for it
        if self.0.table(name).is_some() {
            return self.0.function(name);
        }
        self.0.function(name).or_else(|| crate::built_in::function(name).map(Arc::new))
    }

    fn function_names(&self) -> Vec<Arc<str>> {
        let mut names = self.0.function_names();
        names.extend(crate::built_in::functions().map(|f| f.name));
        names
    }

    fn workspace(&self, name: &str) -> Option<Arc<dyn Catalog>> {
        self.0.workspace(name)
    }

    fn places(&self) -> Option<Arc<Places>> {
        self.1.clone()
    }

    fn watchlist(&self, alias: &str) -> Option<Rows> {
        self.0.watchlist(alias)
    }

    fn external_data(&self, request: &ExternalData) -> Result<Rows, String> {
        self.2.read(request)
    }

    fn external_allowed(&self, address: &str) -> bool {
        self.2.allowed(address)
    }
}

/// Deep expressions want more stack than a main thread has for sure.
fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work)?;
        let ended =
            || anyhow::anyhow!("the query ended unexpectedly; please report it with its text");
        thread.join().map_err(|_| ended())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn columns(text: &str) -> Result<Vec<String>, String> {
        let catalog = Arc::new(Local(MemoryCatalog::default(), None, External::default()));
        let asked = Query { bind_only: true, ..Query::new(text, catalog, SystemClock.now()) };
        let answer = query(&asked).map_err(|e| e.to_string())?;
        let schema = &answer.tables[0].rows.schema;
        Ok(schema.columns.iter().map(|c| c.name.to_string()).collect())
    }

    /// A call with a value for each parameter that has no default.
    fn call(function: &FunctionDefinition) -> String {
        let name = &function.name;
        match &*function.parameters {
            p if p.starts_with("T:(*)") => format!("print h = 'a.b.c' | invoke {name}('h')"),
            "username:string" => format!("print {name}('a@b')"),
            p if p.starts_with("watchlists:") => format!("{name}(dynamic(['a']))"),
            p if p.is_empty() || p.split_once(',').map_or(p, |(first, _)| first).contains('=') => {
                (**name).to_owned()
            }
            _ => format!("{name}('a')"),
        }
    }

    #[test]
    fn every_shipped_function_binds_and_its_sources_agree_on_types() {
        for function in crate::built_in::functions() {
            let names = columns(&call(&function))
                .unwrap_or_else(|e| panic!("{} means nothing: {e}", function.name));
            let parted = ["_string", "_int", "_long", "_real", "_dynamic", "_datetime", "_bool"];
            let clash = names.iter().find(|n| {
                parted.iter().any(|suffix| n.ends_with(suffix)) && &*function.name != "VectraStream"
            });
            assert_eq!(clash, None, "{}: sources differ in a type", function.name);
        }
    }

    #[test]
    fn filters_of_a_unifying_parser_reach_its_sources() {
        let text = "SecurityEvent | project-away * | take 0";
        assert_eq!(columns(text).unwrap().len(), 0);
        for filtered in [
            "_Im_Authentication(starttime=ago(1d), endtime=now(), username_has_any=dynamic(['x']))",
            "imProcessCreate(commandline_has_any='x') | project Dvc, Computer, CommandLine, User",
            "_Im_NetworkSession(dstportnumber=443) | summarize count() by SrcIpAddr, DstIpAddr",
            "_GetWatchlist('vips') | project SearchKey, tostring(WatchlistItem.Name), Name",
        ] {
            columns(filtered).unwrap();
        }
    }
}
