//! Graph operators: a graph is described step by step and becomes rows at its end.

mod matching;
mod scope;

use std::sync::Arc;

use kql::Span;
use kql::syntax::{
    Expr as Ast, ExprKind, GraphNodes, GraphOutput, GraphPart, Ident, MakeGraph, Operator,
    OperatorKind as Op, Parameters, StatementKind,
};
use values::ScalarType;

use super::demand::Demand;
use super::env::{Binding, Declared, Env};
use super::error::{BindError, Result};
use super::naming::Names;
use super::statement::Bound;
use super::{Binder, Context, Relation, scalar, word};
use crate::exec::whole::graph::{
    GraphQuery, GraphResult, GraphSource, GraphStep, NODE_EXTRAS, NodeTable,
};
use crate::plan::{Expr, Field, Node, Plan};

pub(super) use scope::Scope;

/// A graph under construction.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// Edges, then the tables of nodes.
    pub(super) inputs: Vec<Plan>,
    pub(super) source: GraphSource,
    pub(super) steps: Vec<GraphStep>,
}

/// What a pipeline holds.
pub(super) enum Flow {
    /// Rows.
    Rows(Relation),
    /// A graph.
    Graph(Box<Graph>),
}

impl Graph {
    /// Properties of nodes, and behind them identity and degrees.
    pub(super) fn nodes(&self) -> &[Field] {
        &self.source.nodes
    }

    /// The properties alone.
    pub(super) fn properties(&self) -> &[Field] {
        let count = self.source.nodes.len().saturating_sub(NODE_EXTRAS.len());
        self.source.nodes.get(..count).unwrap_or_default()
    }
}

/// True for operators that leave a graph.
fn leaves_graph(operator: &Operator) -> bool {
    match &operator.kind {
        Op::MakeGraph(make) => make.partitioned_by.is_none(),
        Op::GraphMarkComponents(_) | Op::GraphWhereNodes(_) | Op::GraphWhereEdges(_) => true,
        _ => false,
    }
}

/// True for operators that take a graph.
pub(super) fn takes_graph(operator: &Operator) -> bool {
    matches!(
        operator.kind,
        Op::GraphMatch(_)
            | Op::GraphMarkComponents(_)
            | Op::GraphShortestPaths(_)
            | Op::GraphToTable(_)
            | Op::GraphWhereEdges(_)
            | Op::GraphWhereNodes(_)
    )
}

impl Binder<'_> {
    /// True when the expression stands for a graph.
    pub(super) fn is_graph(&self, env: &Env, ast: &Ast) -> bool {
        match &ast.unparenthesised().kind {
            ExprKind::Pipe { operators, .. } => operators.last().is_some_and(leaves_graph),
            ExprKind::Name(name) => match env.get(&name.text) {
                Some(Binding::Graph(_)) => true,
                Some(Binding::Function(f)) => self.gives_graph(f),
                _ => false,
            },
            ExprKind::Call(call) => match env.get(&call.name.text) {
                Some(Binding::Function(f)) => self.gives_graph(f),
                _ => false,
            },
            _ => false,
        }
    }

    fn gives_graph(&self, declared: &Declared) -> bool {
        let Some(last) = declared.body.statements.last() else { return false };
        let StatementKind::Expression(expr) = &last.kind else { return false };
        if let ExprKind::Name(name) = &expr.unparenthesised().kind {
            let local = declared.body.statements.iter().rev().find_map(|s| match &s.kind {
                StatementKind::Let(l) if l.name.text == name.text => Some(&l.value),
                _ => None,
            });
            if let Some(kql::syntax::LetValue::Expr(value)) = local {
                return self.is_graph(&declared.env, value);
            }
        }
        self.is_graph(&declared.env, expr)
    }

    /// A graph by name, call or pipeline.
    pub(super) fn graph_value(&self, env: &Env, ast: &Ast) -> Result<Graph> {
        let ast = ast.unparenthesised();
        let expected = || {
            BindError::new(
                "SEM0079",
                ast.span,
                "a graph is expected here; build one with make-graph",
            )
        };
        let (name, arguments) = match &ast.kind {
            ExprKind::Pipe { source, operators } => {
                return match self.pipe(env, source.as_deref(), operators, &Demand::All)? {
                    Flow::Graph(graph) => Ok(*graph),
                    Flow::Rows(_) => Err(expected()),
                };
            }
            ExprKind::Name(name) => (name, &[][..]),
            ExprKind::Call(call) => (&call.name, call.arguments.as_slice()),
            _ => return Err(expected()),
        };
        match env.get(&name.text) {
            Some(Binding::Graph(graph)) if arguments.is_empty() => Ok((**graph).clone()),
            Some(Binding::Function(declared)) => {
                let declared = Arc::clone(declared);
                let ctx = Context::constant(env, "");
                match self.invoke(&ctx, &declared, arguments, ast.span)? {
                    Bound::Graph(graph) => Ok(*graph),
                    _ => Err(expected()),
                }
            }
            _ if &*name.text == "graph" => Err(BindError::refused(
                ast.span,
                "graph(): no graphs are kept here; build one with make-graph",
            )),
            _ => Err(expected()),
        }
    }

    /// `make-graph`.
    pub(super) fn make_graph(
        &self,
        env: &Env,
        input: Relation,
        make: &MakeGraph,
        span: Span,
    ) -> Result<Flow> {
        let edges = input.plan.fields.clone();
        let from = column_at(&edges, &make.source)?;
        let to = column_at(&edges, &make.target)?;
        let key = edges.get(from).map_or(ScalarType::String, |f| f.ty);
        if edges.get(to).map(|f| f.ty) != Some(key) {
            return Err(BindError::new(
                "SEM0069",
                make.target.span,
                format!(
                    "'make-graph' operator: '{}' and '{}' must have the same type",
                    make.source, make.target
                ),
            ));
        }
        if key == ScalarType::Dynamic && self.settings.run.is_some() {
            return Err(BindError::new(
                "SEM0066",
                make.source.span,
                "'make-graph' operator: a dynamic value cannot identify a node; use tostring() or the like before",
            ));
        }
        let mut graph = Graph {
            inputs: vec![input.plan.clone()],
            source: GraphSource {
                directed: make.directed,
                edges,
                from,
                to,
                key,
                nodes: Vec::new(),
                properties: 0,
                tables: Vec::new(),
                identities: Vec::new(),
                partition: None,
            },
            steps: Vec::new(),
        };
        match &make.nodes {
            GraphNodes::None => {}
            GraphNodes::Id(name) => {
                graph.source.nodes.push(self.field(Arc::clone(&name.text), key));
                graph.source.identities.push(0);
            }
            GraphNodes::Tables(tables) => {
                for table in tables {
                    let rows = self.tabular(env, &table.table)?;
                    self.add_nodes(&mut graph, &rows, &table.key)?;
                }
            }
        }
        graph.source.properties = graph.source.nodes.len();
        for (name, ty) in NODE_EXTRAS.iter().zip([key, ScalarType::Long, ScalarType::Long]) {
            graph.source.nodes.push(self.field(*name, ty));
        }
        let Some(partition) = &make.partitioned_by else {
            return Ok(Flow::Graph(Box::new(graph)));
        };
        let by = match &partition.by.kind {
            ExprKind::Name(name) => name,
            _ => {
                return Err(BindError::new(
                    "SEM0063",
                    partition.by.span,
                    "'make-graph' operator: partitioned-by takes a column of the edges",
                ));
            }
        };
        graph.source.partition = Some(column_at(&graph.source.edges, by)?);
        for (table, input) in graph.source.tables.iter_mut().zip(graph.inputs.iter().skip(1)) {
            table.partition = input.fields.iter().position(|f| f.name == by.text);
        }
        let ExprKind::Pipe { source: None, operators } = &partition.query.unparenthesised().kind
        else {
            return Err(BindError::new("SEM0009", span, "a graph operator is expected here"));
        };
        self.graph_flow(env, Flow::Graph(Box::new(graph)), operators)
    }

    /// A table of nodes: its columns become properties.
    fn add_nodes(&self, graph: &mut Graph, rows: &Relation, key: &Ident) -> Result<()> {
        let fields = &rows.plan.fields;
        let at = column_at(fields, key)?;
        if fields.get(at).map(|f| f.ty) != Some(graph.source.key) {
            return Err(BindError::new(
                "SEM0069",
                key.span,
                format!(
                    "'make-graph' operator: '{key}' must be {}, as the identities in the edges are",
                    graph.source.key
                ),
            ));
        }
        let mut names = Names::new(graph.source.nodes.iter().map(|f| Arc::clone(&f.name)));
        let mut columns = vec![None; graph.source.nodes.len()];
        for (position, field) in fields.iter().enumerate() {
            let known =
                graph.source.nodes.iter().position(|n| n.name == field.name && n.ty == field.ty);
            let property = known.unwrap_or_else(|| {
                let name = names.unique(&field.name);
                graph.source.nodes.push(self.field(name, field.ty));
                columns.push(None);
                graph.source.nodes.len() - 1
            });
            if let Some(slot) = columns.get_mut(property) {
                *slot = Some(position);
            }
            if position == at && !graph.source.identities.contains(&property) {
                graph.source.identities.push(property);
            }
        }
        graph.source.tables.push(NodeTable { key: at, columns, partition: None });
        graph.inputs.push(rows.plan.clone());
        Ok(())
    }

    /// Operators over a graph, and over the rows it becomes.
    pub(super) fn graph_flow(&self, env: &Env, flow: Flow, operators: &[Operator]) -> Result<Flow> {
        let mut flow = flow;
        let mut env = env.clone();
        for operator in operators {
            flow = match (flow, &operator.kind) {
                (Flow::Graph(graph), _) => self.graph_operator(&mut env, *graph, operator)?,
                (Flow::Rows(rows), Op::MakeGraph(make)) => {
                    self.make_graph(&env, rows, make, operator.span)?
                }
                (Flow::Rows(rows), _) => {
                    Flow::Rows(self.operator(&mut env, Some(rows), operator, &Demand::All)?)
                }
            };
        }
        Ok(flow)
    }

    fn graph_operator(&self, env: &mut Env, mut graph: Graph, operator: &Operator) -> Result<Flow> {
        match &operator.kind {
            Op::GraphWhereNodes(predicate) => {
                let condition = self.element_condition(env, graph.nodes(), predicate)?;
                graph.steps.push(GraphStep::Nodes(condition));
            }
            Op::GraphWhereEdges(predicate) => {
                let condition = self.element_condition(env, &graph.source.edges, predicate)?;
                graph.steps.push(GraphStep::Edges(condition));
            }
            Op::GraphMarkComponents(parameters) => self.mark_components(&mut graph, parameters)?,
            Op::GraphToTable(outputs) => {
                return self.graph_to_table(env, &graph, outputs, operator.span);
            }
            Op::GraphMatch(matching) => {
                return self
                    .graph_match(env, &graph, matching, false, operator.span)
                    .map(Flow::Rows);
            }
            Op::GraphShortestPaths(matching) => {
                return self
                    .graph_match(env, &graph, matching, true, operator.span)
                    .map(Flow::Rows);
            }
            Op::As(name) => {
                let bound = Binding::Graph(Arc::new(graph.clone()));
                *env = env.with(Arc::clone(&name.name.text), bound);
            }
            Op::Render(_) => {}
            _ => {
                return Err(BindError::new(
                    "SEM0009",
                    operator.name_span,
                    "this operator takes rows, not a graph; put graph-match or graph-to-table before it",
                ));
            }
        }
        Ok(Flow::Graph(Box::new(graph)))
    }

    /// A condition over the properties of one element.
    fn element_condition(&self, env: &Env, fields: &[Field], ast: &Ast) -> Result<Expr> {
        let ctx = Context { fields, ..Context::constant(env, "graph-where") };
        let condition = self.predicate(&ctx, ast)?;
        self.settled(condition, ast.span)
    }

    fn mark_components(&self, graph: &mut Graph, parameters: &Parameters) -> Result<()> {
        let strong = match word(parameters, "kind").as_deref() {
            None | Some("weak") => false,
            Some("strong") => true,
            Some(other) => {
                let span = parameters.get("kind").map_or_else(Span::default, |p| p.span);
                return Err(BindError::new(
                    "SEM0061",
                    span,
                    format!(
                        "'graph-mark-components' operator: kind is weak or strong, not {other}"
                    ),
                ));
            }
        };
        let name = parameters.word("with_component_id").unwrap_or("ComponentId");
        let mut names = Names::new(graph.source.nodes.iter().map(|f| Arc::clone(&f.name)));
        let at = graph.properties().len();
        graph.source.nodes.insert(at, self.field(names.unique(name), ScalarType::Long));
        graph.steps.push(GraphStep::Components { strong });
        Ok(())
    }

    /// `graph-to-table`: one table, or several under names.
    fn graph_to_table(
        &self,
        env: &mut Env,
        graph: &Graph,
        outputs: &[GraphOutput],
        span: Span,
    ) -> Result<Flow> {
        let several = outputs.len() > 1;
        let mut first = None;
        for output in outputs {
            let mut rows = self.graph_table(graph, output, span)?;
            match &output.name {
                Some(name) => {
                    rows = self.shared(&rows);
                    rows.source = Some(Arc::clone(&name.text));
                    self.named.borrow_mut().push((Arc::clone(&name.text), rows.clone()));
                    *env = env.with(Arc::clone(&name.text), Binding::Table(Arc::new(rows.clone())));
                }
                None if several => {
                    return Err(BindError::new(
                        "SEM0001",
                        output.span,
                        "'graph-to-table' operator: several tables need names: nodes as N, edges as E",
                    ));
                }
                None => {}
            }
            first.get_or_insert(rows);
        }
        let rows = first.ok_or_else(|| {
            BindError::new("SEM0001", span, "'graph-to-table' operator: write nodes or edges")
        })?;
        Ok(Flow::Rows(rows))
    }

    fn graph_table(&self, graph: &Graph, output: &GraphOutput, span: Span) -> Result<Relation> {
        let mut fields = Vec::new();
        let mut exprs = Vec::new();
        let mut add = |name: &str, expr: Expr| {
            fields.push(self.field(name, expr.ty()));
            exprs.push(expr);
        };
        let hash = |field: Option<&Field>| -> Result<Expr> {
            let field = field.map(|f| Expr::Column(f.id, f.ty));
            self.registered("hash", field.into_iter().collect(), ScalarType::Long, span)
        };
        let result = match output.part {
            GraphPart::Nodes => {
                let properties = graph.properties();
                if let Some(name) = output.parameters.word("with_node_id") {
                    add(name, hash(graph.nodes().get(properties.len()))?);
                }
                properties.iter().for_each(|f| add(&f.name, Expr::Column(f.id, f.ty)));
                GraphResult::Nodes(exprs)
            }
            GraphPart::Edges => {
                let edges = &graph.source.edges;
                for (word, at) in
                    [("with_source_id", graph.source.from), ("with_target_id", graph.source.to)]
                {
                    if let Some(name) = output.parameters.word(word) {
                        add(name, hash(edges.get(at))?);
                    }
                }
                edges.iter().for_each(|f| add(&f.name, Expr::Column(f.id, f.ty)));
                GraphResult::Edges(exprs)
            }
        };
        Ok(self.graph_rows(graph, result, fields))
    }

    /// A graph as rows.
    fn graph_rows(&self, graph: &Graph, result: GraphResult, fields: Vec<Field>) -> Relation {
        let query = GraphQuery {
            source: graph.source.clone(),
            steps: graph.steps.clone(),
            result,
            fields: fields.clone(),
        };
        let node = Node::Whole { inputs: graph.inputs.clone(), operator: Arc::new(query) };
        Relation::new(Plan { node: Arc::new(node), fields })
    }

    /// The graph with inputs that are computed once however often it is used.
    pub(super) fn shared_graph(&self, mut graph: Graph) -> Graph {
        let share = |plan: &Plan| self.shared(&Relation::new(plan.clone())).plan;
        graph.inputs = graph.inputs.iter().map(share).collect();
        graph
    }
}

fn column_at(fields: &[Field], name: &Ident) -> Result<usize> {
    fields.iter().position(|f| f.name == name.text).ok_or_else(|| {
        let known = fields.iter().map(|f| &*f.name);
        BindError::unresolved("column", "make-graph", &name.text, name.span, known)
    })
}

/// The field of a name, or why not.
pub(super) fn property(fields: &[Field], name: &Ident, operator: &'static str) -> Result<Expr> {
    scalar::find(fields, &name.text).map(|f| Expr::Column(f.id, f.ty)).ok_or_else(|| {
        let known = fields.iter().map(|f| &*f.name).filter(|n| !n.starts_with('$'));
        BindError::unresolved("property", operator, &name.text, name.span, known)
    })
}
