use super::*;

#[test]
fn positions_count_as_azure_does() {
    let text = "ab\r\ncé🦀d\n";
    let cases = [
        (0, (1, 0)),
        (2, (1, 2)),
        (4, (2, 0)),
        (5, (2, 1)),
        (7, (2, 2)),
        // A crab is two UTF-16 units, and the inside of a character is its start.
        (9, (2, 2)),
        (11, (2, 4)),
        (12, (2, 5)),
        (13, (3, 0)),
        (1_000, (3, 0)),
    ];
    for (offset, (line, column)) in cases {
        assert_eq!(Position::at(text, offset), Position { line, column }, "{offset}");
    }
    assert_eq!(Position::at("", 0), Position { line: 1, column: 0 });
}

#[test]
fn spans_join_and_cut() {
    let span = Span::new(2, 4).to(Span::new(6, 7));
    assert_eq!(span, Span::new(2, 7));
    assert_eq!(span.of("0123456789"), "23456");
    assert_eq!(span.of("012"), "");
    assert!(Span::new(3, 3).is_empty());
}

#[test]
fn every_node_lies_where_it_was_written() {
    let text = "let n = 5; T | where a has 'x' | take n;";
    let query = crate::parse(text).query;
    let texts: Vec<_> = query.statements.iter().map(|statement| statement.span.of(text)).collect();
    assert_eq!(texts, ["let n = 5", "T | where a has 'x' | take n"]);
    let Some(StatementKind::Expression(expr)) = query.statements.last().map(|s| &s.kind) else {
        unreachable!("the last statement is a query");
    };
    let ExprKind::Pipe { source, operators } = &expr.kind else { unreachable!("it is a pipe") };
    assert_eq!(source.as_ref().map(|source| source.span.of(text)), Some("T"));
    let spans: Vec<_> = operators.iter().map(|o| (o.name_span.of(text), o.span.of(text))).collect();
    assert_eq!(spans, [("where", "where a has 'x'"), ("take", "take n")]);
    let OperatorKind::Where(filter) = &operators[0].kind else { unreachable!("it is a where") };
    let ExprKind::Binary { operator_span, left, right, .. } = &filter.predicate.kind else {
        unreachable!("it is a comparison");
    };
    assert_eq!(
        (left.span.of(text), operator_span.of(text), right.span.of(text)),
        ("a", "has", "'x'")
    );
}

#[test]
fn parameters_are_found_without_case() {
    let query = crate::parse("union isFuzzy=true withsource=S T").query;
    let Some(StatementKind::Expression(expr)) = query.statements.first().map(|s| &s.kind) else {
        unreachable!("it is a query");
    };
    let ExprKind::Pipe { operators, .. } = &expr.kind else { unreachable!("it is a pipe") };
    let OperatorKind::Union(union) = &operators[0].kind else { unreachable!("it is a union") };
    assert_eq!(union.parameters.flag("isfuzzy"), Some(true));
    assert_eq!(union.parameters.word("withsource"), Some("S"));
    assert_eq!(union.parameters.word("kind"), None);
}
