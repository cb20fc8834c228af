//! The tree as text: compact s-expressions, for tests and for looking.

mod operator;

use std::fmt::Write;

use super::*;

impl Query {
    /// The tree as compact s-expressions, one statement a line, without places.
    ///
    /// ```
    /// let parsed = kql::parse("T | where a > 1 and b has 'x' | take 5");
    /// assert_eq!(parsed.query.dump(), r#"(pipe T (where (and (> a 1) (has b "x"))) (take 5))"#);
    /// ```
    pub fn dump(&self) -> String {
        let statement = |statement| {
            let mut writer = Writer::default();
            writer.statement(statement);
            writer.text
        };
        self.statements.iter().map(statement).collect::<Vec<_>>().join("\n")
    }
}

impl Expr {
    /// The expression as a compact s-expression, without places.
    pub fn dump(&self) -> String {
        let mut writer = Writer::default();
        writer.expr(self);
        writer.text
    }
}

/// Text so far; items in a list are parted by blanks.
#[derive(Default)]
struct Writer {
    text: String,
}

impl Writer {
    fn gap(&mut self) {
        if !(self.text.is_empty() || self.text.ends_with('(')) {
            self.text.push(' ');
        }
    }

    fn atom(&mut self, text: &str) {
        self.gap();
        self.text.push_str(text);
    }

    fn quoted(&mut self, text: &str) {
        self.gap();
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{text:?}");
    }

    /// `(head ...)`.
    fn node(&mut self, head: &str, inside: impl FnOnce(&mut Self)) {
        self.gap();
        self.text.push('(');
        self.text.push_str(head);
        inside(self);
        self.text.push(')');
    }

    /// `(head ...)`, if there is something.
    fn some<T>(&mut self, head: &str, item: &Option<T>, inside: impl FnOnce(&mut Self, &T)) {
        if let Some(item) = item {
            self.node(head, |w| inside(w, item));
        }
    }

    fn name(&mut self, name: &Ident) {
        match () {
            () if name.bracketed => self.atom(&format!("[{:?}]", &*name.text)),
            () if name.text.is_empty() => self.atom("_"),
            () => self.atom(&name.text),
        }
    }

    fn exprs(&mut self, exprs: &[Expr]) {
        exprs.iter().for_each(|expr| self.expr(expr));
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Let(item) => self.node("let", |w| {
                w.name(&item.name);
                match &item.value {
                    LetValue::Expr(value) => w.expr(value),
                    LetValue::Function(function) => w.function(function),
                }
            }),
            StatementKind::Set(item) => self.node("set", |w| {
                w.name(&item.name);
                item.value.iter().for_each(|value| w.expr(value));
            }),
            StatementKind::DeclareQueryParameters(parameters) => {
                self.node("query_parameters", |w| w.function_parameters(parameters));
            }
            StatementKind::DeclarePattern(pattern) => self.pattern(pattern),
            StatementKind::RestrictAccess(item) => self.node("restrict", |w| {
                w.exprs(&item.entities);
                w.parameters(&item.properties);
            }),
            StatementKind::Alias(item) => self.node("alias", |w| {
                w.name(&item.name);
                w.expr(&item.database);
            }),
            StatementKind::Expression(expr) => self.expr(expr),
        }
    }

    fn function(&mut self, function: &FunctionDeclaration) {
        let head = if function.view { "view" } else { "function" };
        self.node(head, |w| {
            w.node("", |w| w.function_parameters(&function.parameters));
            w.block(&function.body);
        });
    }

    fn block(&mut self, block: &Block) {
        block.statements.iter().for_each(|statement| self.statement(statement));
    }

    fn function_parameters(&mut self, parameters: &[FunctionParameter]) {
        for parameter in parameters {
            self.node("", |w| {
                w.name(&parameter.name);
                match &parameter.parameter_type {
                    ParameterType::Scalar(name) => w.type_name(name),
                    ParameterType::Table(schema) => w.schema(schema),
                }
                parameter.default.iter().for_each(|value| w.expr(value));
            });
        }
    }

    fn pattern(&mut self, pattern: &DeclarePattern) {
        self.node("pattern", |w| {
            w.name(&pattern.name);
            let Some(definition) = &pattern.definition else { return };
            w.node("", |w| w.columns(&definition.parameters));
            w.some("path", &definition.path, |w, path| w.columns(std::slice::from_ref(path)));
            for case in &definition.cases {
                w.node("case", |w| {
                    w.node("", |w| w.exprs(&case.arguments));
                    w.some("path", &case.path, |w, path| w.expr(path));
                    w.block(&case.body);
                });
            }
        });
    }

    fn type_name(&mut self, name: &TypeName) {
        match name.scalar {
            Some(scalar) => self.atom(scalar.name()),
            None => self.atom(&name.text),
        }
    }

    fn columns(&mut self, columns: &[ColumnDeclaration]) {
        for column in columns {
            self.name(&column.name);
            self.text.push(':');
            self.text.push_str(column.column_type.scalar.map_or("?", ScalarType::name));
        }
    }

    fn schema(&mut self, schema: &Schema) {
        self.node("schema", |w| {
            if schema.star {
                w.atom("*");
            }
            w.columns(&schema.columns);
        });
    }

    fn parameters(&mut self, parameters: &Parameters) {
        for parameter in parameters.iter() {
            self.name(&parameter.name);
            self.text.push('=');
            self.text.push_str(&parameter.value.dump());
        }
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Null(scalar) => self.atom(&format!("{scalar}(null)")),
            Literal::Bool(value) => self.atom(&value.to_string()),
            Literal::Int(value) => self.atom(&format!("int({value})")),
            Literal::Long(value) => self.atom(&value.to_string()),
            Literal::Real(value) => self.atom(&format!("{value:?}")),
            Literal::Decimal(value) => self.atom(&format!("decimal({value})")),
            Literal::String(text) => {
                let mark = if text.obfuscated { "h" } else { "" };
                self.atom(&format!("{mark}{:?}", &*text.value));
            }
            Literal::DateTime(value) => self.atom(&format!("datetime({value})")),
            Literal::TimeSpan(value) => self.atom(&format!("timespan({value})")),
            Literal::Guid(value) => self.atom(&format!("guid({value})")),
            Literal::Dynamic(json) => self.node("dynamic", |w| w.json(json)),
        }
    }

    fn json(&mut self, json: &Json) {
        match json {
            Json::Null => self.atom("null"),
            Json::Scalar(literal) => self.literal(literal),
            Json::Array(items) => {
                self.node("array", |w| items.iter().for_each(|item| w.json(item)));
            }
            Json::Object(items) => self.node("bag", |w| {
                for (key, value) in items {
                    w.quoted(key);
                    w.json(value);
                }
            }),
        }
    }

    fn call(&mut self, call: &Call) {
        self.node("call", |w| {
            w.name(&call.name);
            w.exprs(&call.arguments);
        });
    }

    fn selector(&mut self, selector: &Selector) {
        match selector {
            Selector::Name(name) | Selector::Wildcard(name) => self.name(name),
            Selector::Call(call) => self.call(call),
        }
    }

    fn type_of(&mut self, type_of: &TypeOf) {
        self.node("typeof", |w| match type_of {
            TypeOf::Scalar(name) => w.type_name(name),
            TypeOf::Table(schema) => w.schema(schema),
        });
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal),
            ExprKind::Name(name) | ExprKind::Wildcard(name) => self.name(name),
            ExprKind::Star => self.atom("*"),
            ExprKind::Missing => self.atom("<missing>"),
            ExprKind::Call(call) => self.call(call),
            ExprKind::Path { base, selector } => self.node(".", |w| {
                w.expr(base);
                w.selector(selector);
            }),
            ExprKind::Index { base, index } => self.pair("[]", base, index),
            ExprKind::Unary { operator, operand } => {
                let head = if *operator == UnaryOperator::Minus { "-" } else { "+" };
                self.node(head, |w| w.expr(operand));
            }
            ExprKind::Binary { operator, left, right, .. } => {
                self.pair(operator.text(), left, right);
            }
            ExprKind::List(items) => self.node("list", |w| w.exprs(items)),
            ExprKind::Range { start, end } => self.pair("..", start, end),
            ExprKind::Named { name, value } => self.node("=", |w| {
                w.name(name);
                w.expr(value);
            }),
            ExprKind::NamedTuple { names, value } => self.node("=", |w| {
                w.node("", |w| names.iter().for_each(|name| w.name(name)));
                w.expr(value);
            }),
            ExprKind::Parenthesised(inner) => self.node("paren", |w| w.expr(inner)),
            ExprKind::Pipe { source, operators } => self.node("pipe", |w| {
                match source {
                    Some(source) => w.expr(source),
                    None => w.atom("_"),
                }
                operators.iter().for_each(|operator| w.operator(operator));
            }),
            _ => self.table_expr(expr),
        }
    }

    /// Expressions that bring a table or a type.
    fn table_expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::DataTable(table) => self.node("datatable", |w| {
                w.parameters(&table.parameters);
                w.schema(&table.schema);
                w.exprs(&table.values);
            }),
            ExprKind::ExternalData(data) => self.node("externaldata", |w| {
                w.parameters(&data.parameters);
                w.schema(&data.schema);
                w.exprs(&data.uris);
                w.parameters(&data.properties);
            }),
            ExprKind::InlineExternalTable(table) => self.inline_external_table(table),
            ExprKind::TypeOf(type_of) => self.type_of(type_of),
            ExprKind::Subquery(subquery) => self.node(subquery.function.text(), |w| {
                w.parameters(&subquery.parameters);
                w.expr(&subquery.query);
            }),
            ExprKind::EntityGroup(entities) => self.node("entity_group", |w| w.exprs(entities)),
            _ => {}
        }
    }

    fn inline_external_table(&mut self, table: &InlineExternalTable) {
        self.node("inline_external_table", |w| {
            table.schema.iter().for_each(|schema| w.schema(schema));
            w.parameters(&table.parameters);
            if !table.partitions.is_empty() {
                w.node("partition", |w| w.function_parameters(&table.partitions));
            }
            if !table.path_format.is_empty() {
                w.node("pathformat", |w| w.exprs(&table.path_format));
            }
            w.exprs(&table.uris);
            w.parameters(&table.properties);
        });
    }

    fn pair(&mut self, head: &str, left: &Expr, right: &Expr) {
        self.node(head, |w| {
            w.expr(left);
            w.expr(right);
        });
    }
}
