//! `render`: how a client shall draw the result.

use kql::syntax::{Expr as Ast, ExprKind, Render};

use super::Binder;
use super::error::{BindError, Result};

/// What clients know to draw, Kusto's and Azure Monitor's.
const CHARTS: &[&str] = &[
    "3dchart",
    "anomalychart",
    "areachart",
    "barchart",
    "card",
    "columnchart",
    "datatable",
    "graph",
    "ladderchart",
    "linechart",
    "list",
    "piechart",
    "pivotchart",
    "plotly",
    "sankey",
    "scatterchart",
    "stackedareachart",
    "table",
    "timechart",
    "timeline",
    "timelinechart",
    "timepivot",
    "treemap",
    "unstackedareachart",
];

impl Binder<'_> {
    /// Keeps what `render` says beside the result.
    pub(super) fn note_render(&self, render: &Render) -> Result<()> {
        let chart = &*render.chart.text;
        if !CHARTS.iter().any(|known| known.eq_ignore_ascii_case(chart)) {
            let hint = match kql::suggest(chart, CHARTS.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("use one of {}", CHARTS.join(", ")),
            };
            let text = format!("'render' operator: there is no chart '{chart}'; {hint}");
            return Err(BindError::new("SEM0063", render.chart.span, text));
        }
        let mut object = serde_json::Map::new();
        object.insert("visualization".to_owned(), chart.to_owned().into());
        for parameter in render.properties.iter() {
            let value = match &parameter.value.kind {
                ExprKind::Literal(literal) => super::scalar::literal_value(literal).to_json(),
                ExprKind::List(items) => {
                    items.iter().filter_map(Ast::as_word).collect::<Vec<_>>().into()
                }
                _ => parameter.value.as_word().unwrap_or_default().into(),
            };
            object.insert(parameter.name.text.to_string(), value);
        }
        *self.render.borrow_mut() = Some(serde_json::Value::Object(object));
        Ok(())
    }
}
