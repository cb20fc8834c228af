//! Operators as s-expressions.

use super::*;

impl Writer {
    pub(super) fn operator(&mut self, operator: &Operator) {
        use OperatorKind::*;
        match &operator.kind {
            As(item) => self.with("as", &item.parameters, |w| w.name(&item.name)),
            AssertSchema(schema) => self.node("assert-schema", |w| w.schema(schema)),
            Consume(item) => self.with("consume", &item.parameters, |_| {}),
            Count(item) => self.with("count", &item.parameters, |w| {
                item.name.iter().for_each(|name| w.name(name));
            }),
            Distinct(item) => self.with("distinct", &item.parameters, |w| w.exprs(&item.columns)),
            Evaluate(item) => self.with("evaluate", &item.parameters, |w| {
                w.call(&item.call);
                item.schema.iter().for_each(|schema| w.schema(schema));
            }),
            ExecuteAndCache => self.node("execute_and_cache", |_| {}),
            Extend(columns) => self.node("extend", |w| w.exprs(columns)),
            Facet(item) => self.node("facet", |w| {
                w.exprs(&item.by);
                w.some("with", &item.with, |w, query| w.expr(query));
            }),
            Find(item) => self.find(item),
            Fork(branches) => self.node("fork", |w| {
                for branch in branches {
                    w.node("branch", |w| {
                        branch.name.iter().for_each(|name| w.name(name));
                        w.expr(&branch.query);
                    });
                }
            }),
            GetSchema(parameters) => self.with("getschema", parameters, |_| {}),
            Invoke(call) => self.node("invoke", |w| w.expr(call)),
            Join(item) => self.join("join", item),
            Lookup(item) => self.join("lookup", item),
            MacroExpand(item) => self.with("macro-expand", &item.parameters, |w| {
                w.expr(&item.group);
                w.some("as", &item.scope, |w, scope| w.name(scope));
                w.block(&item.body);
            }),
            MakeSeries(item) => self.make_series(item),
            MvApply(item) => self.with("mv-apply", &item.parameters, |w| {
                w.mv_items(&item.items, &item.limit);
                w.some("id", &item.id, |w, id| w.expr(id));
                w.node("on", |w| w.expr(&item.query));
            }),
            MvExpand(item) => {
                let head = if item.legacy { "mvexpand" } else { "mv-expand" };
                self.with(head, &item.parameters, |w| w.mv_items(&item.items, &item.limit));
            }
            Parse(item) => self.parse("parse", item),
            ParseKv(item) => self.node("parse-kv", |w| {
                w.expr(&item.input);
                w.schema(&item.schema);
                w.parameters(&item.properties);
            }),
            ParseWhere(item) => self.parse("parse-where", item),
            Partition(item) => self.with("partition", &item.parameters, |w| {
                w.expr(&item.by);
                w.some("in", &item.keys, |w, keys| w.expr(keys));
                match &item.body {
                    PartitionBody::Subquery(query) => w.node("each", |w| w.expr(query)),
                    PartitionBody::Query(query) => w.node("query", |w| w.expr(query)),
                }
            }),
            PartitionBy(item) => self.with("__partitionby", &item.parameters, |w| {
                w.expr(&item.by);
                w.some("id", &item.id, |w, id| w.expr(id));
                w.expr(&item.query);
            }),
            Project(columns) => self.node("project", |w| w.exprs(columns)),
            ProjectAway(columns) => self.node("project-away", |w| w.exprs(columns)),
            ProjectByNames(columns) => self.node("project-by-names", |w| w.exprs(columns)),
            ProjectKeep(columns) => self.node("project-keep", |w| w.exprs(columns)),
            ProjectRename(columns) => self.node("project-rename", |w| w.exprs(columns)),
            ProjectReorder(columns) => self.node("project-reorder", |w| {
                columns.iter().for_each(|column| w.reorder_column(column));
            }),
            Unknown(name) => self.node("unknown", |w| w.name(name)),
            _ => self.other_operator(operator),
        }
    }

    fn other_operator(&mut self, operator: &Operator) {
        use OperatorKind::*;
        match &operator.kind {
            GraphMarkComponents(parameters) => {
                self.with("graph-mark-components", parameters, |_| {});
            }
            GraphMatch(item) => self.graph_match("graph-match", item),
            GraphShortestPaths(item) => self.graph_match("graph-shortest-paths", item),
            GraphToTable(outputs) => self.node("graph-to-table", |w| {
                outputs.iter().for_each(|output| w.graph_output(output));
            }),
            GraphWhereEdges(predicate) => self.node("graph-where-edges", |w| w.expr(predicate)),
            GraphWhereNodes(predicate) => self.node("graph-where-nodes", |w| w.expr(predicate)),
            MakeGraph(item) => self.make_graph(item),
            Print(columns) => self.node("print", |w| w.exprs(columns)),
            Range(item) => self.node("range", |w| {
                w.name(&item.name);
                [&item.from, &item.to, &item.step].into_iter().for_each(|expr| w.expr(expr));
            }),
            Reduce(item) => self.with("reduce", &item.parameters, |w| {
                w.expr(&item.by);
                w.parameters(&item.with);
            }),
            Render(item) => self.node("render", |w| {
                w.name(&item.chart);
                w.parameters(&item.properties);
            }),
            Sample(item) => self.with("sample", &item.parameters, |w| w.expr(&item.count)),
            SampleDistinct(item) => self.with("sample-distinct", &item.parameters, |w| {
                w.expr(&item.count);
                w.expr(&item.of);
            }),
            Scan(item) => self.scan(item),
            Search(item) => self.with("search", &item.parameters, |w| {
                w.some("in", &item.tables, |w, tables| w.exprs(tables));
                w.expr(&item.predicate);
            }),
            Serialize(item) => self.with("serialize", &item.parameters, |w| w.exprs(&item.columns)),
            Sort(item) => self.with("sort", &item.parameters, |w| w.sort_keys(&item.by)),
            Summarize(item) => self.with("summarize", &item.parameters, |w| {
                w.exprs(&item.aggregates);
                if item.has_by {
                    w.node("by", |w| w.exprs(&item.by));
                }
                w.some("bin", &item.bin, |w, bin| w.expr(bin));
            }),
            Take(item) => self.with("take", &item.parameters, |w| w.expr(&item.count)),
            Top(item) => self.with("top", &item.parameters, |w| {
                w.expr(&item.count);
                w.sort_key(&item.by);
            }),
            TopHitters(item) => self.with("top-hitters", &item.parameters, |w| {
                w.expr(&item.count);
                w.expr(&item.of);
                item.by.iter().for_each(|by| w.sort_key(by));
            }),
            TopNested(levels) => self.node("top-nested", |w| {
                levels.iter().for_each(|level| w.top_nested_level(level));
            }),
            Union(item) => self.with("union", &item.parameters, |w| w.exprs(&item.tables)),
            Where(item) => self.with("where", &item.parameters, |w| w.expr(&item.predicate)),
            _ => {}
        }
    }

    /// `(head parameters ...)`.
    fn with(&mut self, head: &str, parameters: &Parameters, inside: impl FnOnce(&mut Self)) {
        self.node(head, |w| {
            w.parameters(parameters);
            inside(w);
        });
    }

    fn find(&mut self, item: &Find) {
        self.with("find", &item.parameters, |w| {
            w.some("in", &item.tables, |w, tables| w.exprs(tables));
            w.some("where", &item.predicate, |w, predicate| w.expr(predicate));
            if let FindProject::Columns(columns) = &item.project {
                w.node("project", |w| columns.iter().for_each(|column| w.find_column(column)));
            }
            if !item.project_away.is_empty() {
                w.node("project-away", |w| w.exprs(&item.project_away));
            }
        });
    }

    fn find_column(&mut self, column: &FindColumn) {
        match column {
            FindColumn::Pack(_) => self.atom("pack(*)"),
            FindColumn::Column { name, column_type } => {
                self.name(name);
                if let Some(column_type) = column_type {
                    self.text.push(':');
                    self.text.push_str(column_type.scalar.map_or("?", ScalarType::name));
                }
            }
        }
    }

    fn join(&mut self, head: &str, item: &Join) {
        self.with(head, &item.parameters, |w| {
            w.expr(&item.right);
            match &item.condition {
                JoinCondition::None => {}
                JoinCondition::On(exprs) => w.node("on", |w| w.exprs(exprs)),
                JoinCondition::Where(predicate) => w.node("where", |w| w.expr(predicate)),
            }
        });
    }

    fn make_series(&mut self, item: &MakeSeries) {
        self.with("make-series", &item.parameters, |w| {
            for aggregate in &item.aggregates {
                w.expr(&aggregate.value);
                w.some("default", &aggregate.default, |w, value| w.expr(value));
            }
            w.node("on", |w| w.expr(&item.on));
            let axis = &item.axis;
            w.node(if axis.in_range { "in-range" } else { "axis" }, |w| {
                w.some("from", &axis.from, |w, from| w.expr(from));
                w.some("to", &axis.to, |w, to| w.expr(to));
                w.node("step", |w| w.expr(&axis.step));
            });
            if !item.by.is_empty() {
                w.node("by", |w| w.exprs(&item.by));
            }
        });
    }

    fn mv_items(&mut self, items: &[MvItem], limit: &Option<Box<Expr>>) {
        for item in items {
            match &item.to {
                None => self.expr(&item.value),
                Some(type_of) => self.node("to", |w| {
                    w.expr(&item.value);
                    w.type_of(type_of);
                }),
            }
        }
        self.some("limit", limit, |w, limit| w.expr(limit));
    }

    fn parse(&mut self, head: &str, item: &Parse) {
        self.with(head, &item.parameters, |w| {
            w.expr(&item.input);
            w.node("with", |w| item.pattern.iter().for_each(|step| w.parse_step(step)));
        });
    }

    fn parse_step(&mut self, step: &ParseStep) {
        match step {
            ParseStep::Star(_) => self.atom("*"),
            ParseStep::Text(text, _) => self.quoted(&text.value),
            ParseStep::Column { name, column_type } => {
                self.name(name);
                if let Some(column_type) = column_type {
                    self.text.push(':');
                    self.text.push_str(column_type.scalar.map_or("?", ScalarType::name));
                }
            }
        }
    }

    fn reorder_column(&mut self, column: &ReorderColumn) {
        let Some(order) = column.order else { return self.expr(&column.column) };
        let head = match order {
            ReorderOrder::Ascending => "asc",
            ReorderOrder::Descending => "desc",
            ReorderOrder::GrannyAscending => "granny-asc",
            ReorderOrder::GrannyDescending => "granny-desc",
        };
        self.node(head, |w| w.expr(&column.column));
    }

    fn scan(&mut self, item: &Scan) {
        self.with("scan", &item.parameters, |w| {
            if !item.order_by.is_empty() {
                w.node("order", |w| w.sort_keys(&item.order_by));
            }
            if !item.partition_by.is_empty() {
                w.node("partition", |w| w.exprs(&item.partition_by));
            }
            if !item.declare.is_empty() {
                w.node("declare", |w| w.function_parameters(&item.declare));
            }
            item.steps.iter().for_each(|step| w.scan_step(step));
        });
    }

    fn scan_step(&mut self, step: &ScanStep) {
        self.node("step", |w| {
            w.name(&step.name);
            if step.optional {
                w.atom("optional");
            }
            match step.output {
                None => {}
                Some(ScanOutput::All) => w.atom("output=all"),
                Some(ScanOutput::Last) => w.atom("output=last"),
                Some(ScanOutput::None) => w.atom("output=none"),
            }
            w.expr(&step.condition);
            w.exprs(&step.assignments);
        });
    }

    fn sort_keys(&mut self, keys: &[SortKey]) {
        keys.iter().for_each(|key| self.sort_key(key));
    }

    fn sort_key(&mut self, key: &SortKey) {
        let order = match key.order {
            None if key.nulls.is_none() => return self.expr(&key.value),
            None => "by",
            Some(SortOrder::Ascending) => "asc",
            Some(SortOrder::Descending) => "desc",
        };
        self.node(order, |w| {
            w.expr(&key.value);
            match key.nulls {
                None => {}
                Some(NullsOrder::First) => w.atom("nulls-first"),
                Some(NullsOrder::Last) => w.atom("nulls-last"),
            }
        });
    }

    fn top_nested_level(&mut self, level: &TopNestedLevel) {
        self.node("level", |w| {
            match &level.count {
                Some(count) => w.expr(count),
                None => w.atom("_"),
            }
            w.expr(&level.of);
            w.some("others", &level.others, |w, others| w.expr(others));
            w.node("by", |w| w.sort_key(&level.by));
        });
    }

    fn graph_match(&mut self, head: &str, item: &GraphMatch) {
        self.with(head, &item.parameters, |w| {
            for pattern in &item.patterns {
                w.node("path", |w| pattern.elements.iter().for_each(|e| w.graph_element(e)));
            }
            w.some("where", &item.predicate, |w, predicate| w.expr(predicate));
            w.some("project", &item.project, |w, columns| w.exprs(columns));
        });
    }

    fn graph_element(&mut self, element: &GraphElement) {
        match element {
            GraphElement::Node { name, .. } => {
                self.node("node", |w| name.iter().for_each(|name| w.name(name)));
            }
            GraphElement::Edge { name, direction, hops, .. } => {
                let head = match direction {
                    EdgeDirection::Forward => "->",
                    EdgeDirection::Backward => "<-",
                    EdgeDirection::Any => "--",
                };
                self.node(head, |w| {
                    name.iter().for_each(|name| w.name(name));
                    w.some("hops", hops, |w, hops| {
                        w.expr(&hops.from);
                        w.expr(&hops.to);
                    });
                });
            }
        }
    }

    fn graph_output(&mut self, output: &GraphOutput) {
        let head = match output.part {
            GraphPart::Nodes => "nodes",
            GraphPart::Edges => "edges",
        };
        self.node(head, |w| {
            output.name.iter().for_each(|name| w.name(name));
            w.parameters(&output.parameters);
        });
    }

    fn make_graph(&mut self, item: &MakeGraph) {
        self.with("make-graph", &item.parameters, |w| {
            w.name(&item.source);
            w.atom(if item.directed { "-->" } else { "--" });
            w.name(&item.target);
            match &item.nodes {
                GraphNodes::None => {}
                GraphNodes::Id(name) => w.node("with_node_id", |w| w.name(name)),
                GraphNodes::Tables(tables) => {
                    for table in tables {
                        w.node("nodes", |w| {
                            w.expr(&table.table);
                            w.name(&table.key);
                        });
                    }
                }
            }
            w.some("partitioned-by", &item.partitioned_by, |w, partition| {
                w.expr(&partition.by);
                w.expr(&partition.query);
            });
        });
    }
}
