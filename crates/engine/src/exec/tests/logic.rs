//! Three-valued logic, branches and sets against a plain reading of the rules.

use proptest::prelude::*;
use values::{ScalarType, Value};

use super::{FORMS, How, PLAIN, Table, rows, same};

#[derive(Clone, Debug)]
enum Logic {
    Column(usize),
    /// A comparison over the text column, which runs per distinct value.
    Text(&'static str),
    Not(Box<Logic>),
    And(Box<Logic>, Box<Logic>),
    Or(Box<Logic>, Box<Logic>),
    Iff(Box<Logic>, Box<Logic>, Box<Logic>),
}

impl Logic {
    fn kql(&self) -> String {
        match self {
            Self::Column(at) => format!("b{at}"),
            Self::Text(word) => format!("(t == '{word}')"),
            Self::Not(a) => format!("not({})", a.kql()),
            Self::And(a, b) => format!("({} and {})", a.kql(), b.kql()),
            Self::Or(a, b) => format!("({} or {})", a.kql(), b.kql()),
            Self::Iff(c, a, b) => format!("iff({}, {}, {})", c.kql(), a.kql(), b.kql()),
        }
    }

    fn truth(&self, row: &[Value]) -> Option<bool> {
        match self {
            Self::Column(at) => match row[*at] {
                Value::Bool(v) => Some(v),
                _ => None,
            },
            Self::Text(word) => Some(row[2].as_str() == Some(word)),
            Self::Not(a) => a.truth(row).map(|v| !v),
            Self::And(a, b) => match (a.truth(row), b.truth(row)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(a, b) => match (a.truth(row), b.truth(row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::Iff(c, a, b) => {
                if c.truth(row) == Some(true) {
                    a.truth(row)
                } else {
                    b.truth(row)
                }
            }
        }
    }
}

fn logic() -> impl Strategy<Value = Logic> {
    let leaf = prop_oneof![
        (0..2_usize).prop_map(Logic::Column),
        prop_oneof![Just("x"), Just("y"), Just("")].prop_map(Logic::Text),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            inner.clone().prop_map(|a| Logic::Not(Box::new(a))),
            two.clone().prop_map(|(a, b)| Logic::And(Box::new(a), Box::new(b))),
            two.prop_map(|(a, b)| Logic::Or(Box::new(a), Box::new(b))),
            (inner.clone(), inner.clone(), inner).prop_map(|(c, a, b)| Logic::Iff(
                Box::new(c),
                Box::new(a),
                Box::new(b)
            )),
        ]
    })
}

fn bit() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::Bool)]
}

fn table() -> impl Strategy<Value = Table> {
    let word = prop_oneof![Just("x"), Just("y"), Just("z"), Just("")].prop_map(Value::from);
    let row = (bit(), bit(), word).prop_map(|(a, b, t)| vec![a, b, t]);
    proptest::collection::vec(row, 0..40).prop_map(|rows| Table {
        name: "T",
        columns: vec![
            ("b0", ScalarType::Bool),
            ("b1", ScalarType::Bool),
            ("t", ScalarType::String),
        ],
        rows,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn conditions_follow_three_valued_logic(logic in logic(), table in table()) {
        let kql = logic.kql();
        let kept: Vec<Vec<Value>> =
            table.rows.iter().filter(|r| logic.truth(r) == Some(true)).cloned().collect();
        let computed: Vec<Vec<Value>> = table
            .rows
            .iter()
            .map(|r| vec![logic.truth(r).map_or(Value::Null, Value::Bool)])
            .collect();
        for form in FORMS {
            let how = How { form, ..PLAIN };
            let tables = std::slice::from_ref(&table);
            same(&kept, &rows(tables, &format!("T | where {kql}"), how), &kql);
            same(&computed, &rows(tables, &format!("T | project v = {kql}"), how), &kql);
        }
    }
}

#[test]
fn sets() {
    let table = Table {
        name: "T",
        columns: vec![("s", ScalarType::String), ("n", ScalarType::Long)],
        rows: vec![
            vec!["abc".into(), Value::Long(1)],
            vec!["ABC".into(), Value::Null],
            vec!["".into(), Value::Long(3)],
            vec!["abc-def ghi".into(), Value::Long(4)],
            vec!["Äpfel und Öl".into(), Value::Long(5)],
        ],
    };
    let cases: [(&str, &[bool]); 16] = [
        ("s in ('abc', 'x')", &[true, false, false, false, false]),
        ("s !in ('abc', 'x')", &[false, true, true, true, true]),
        ("s in~ ('aBc')", &[true, true, false, false, false]),
        ("s in~ ('äPFEL und ÖL')", &[false, false, false, false, true]),
        ("s in ('')", &[false, false, true, false, false]),
        ("n in (1, 3)", &[true, false, true, false, false]),
        // null is in no set
        ("n !in (1, 3)", &[false, true, false, true, true]),
        ("n in (dynamic([4, 5]))", &[false, false, false, true, true]),
        ("s has_any ('def')", &[false, false, false, true, false]),
        ("s has_any ('bc', 'hi')", &[false, false, false, false, false]),
        ("s has_any ('ABC')", &[true, true, false, true, false]),
        ("s has_any ('c-d', 'abc-def')", &[false, false, false, true, false]),
        ("s has_any ('öl')", &[false, false, false, false, true]),
        ("s has_all ('ghi', 'abc')", &[false, false, false, true, false]),
        ("s has_all (dynamic(['abc', 'none']))", &[false, false, false, false, false]),
        (
            "s in ((range x from 1 to 1 step 1 | project 'ABC'))",
            &[false, true, false, false, false],
        ),
    ];
    for (condition, expected) in cases {
        for form in FORMS {
            let got = rows(
                std::slice::from_ref(&table),
                &format!("T | project v = {condition}"),
                How { form, ..PLAIN },
            );
            let expected: Vec<Vec<Value>> =
                expected.iter().map(|v| vec![Value::Bool(*v)]).collect();
            same(&expected, &got, condition);
        }
    }
}
