//! Steps one by one: query and rows.

use super::{PLAIN, rows, text};

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (query, expected) in cases {
        assert_eq!(*expected, text(&rows(&[], query, PLAIN)), "{query}");
    }
}

#[test]
fn expansion() {
    check(&[
        ("print a = dynamic([1, 'x', null]) | mv-expand a", "1\nx\nnull"),
        ("print a = dynamic(null), b = 1 | mv-expand a", "null | 1"),
        ("print a = dynamic([]), b = 1 | mv-expand a", ""),
        ("print a = dynamic({}), b = 1 | mv-expand a", ""),
        ("print a = dynamic(5) | mv-expand a", "5"),
        (
            "print a = dynamic([1, 2, 3]), b = dynamic(['x']) | mv-expand a, b",
            "1 | x\n2 | null\n3 | null",
        ),
        ("print a = dynamic([]), b = dynamic(['x']) | mv-expand a, b", "null | x"),
        ("print a = dynamic({'p': 1, 'q': [2]}) | mv-expand a", "{\"p\":1}\n{\"q\":[2]}"),
        (
            "print a = dynamic({'p': 1, 'q': [2]}) | mv-expand bagexpansion=array a",
            "[\"p\",1]\n[\"q\",[2]]",
        ),
        ("print a = dynamic([1, 2, 3]) | mv-expand with_itemindex=i a limit 2", "1 | 0\n2 | 1"),
        (
            "range x from 1 to 3 step 1 | extend a = range(1, x, 1) | mv-expand a to typeof(long) | summarize sum(a), count()",
            "10 | 6",
        ),
    ]);
}

#[test]
fn windows() {
    check(&[
        (
            "range x from 1 to 3 step 1 | extend p = prev(x), n = next(x, 1, 0), r = row_number()",
            "1 | null | 2 | 1\n2 | 1 | 3 | 2\n3 | 2 | 0 | 3",
        ),
        (
            "range x from 1 to 4 step 1 | extend c = row_cumsum(x, x == 3)",
            "1 | 1\n2 | 3\n3 | 3\n4 | 7",
        ),
        (
            "datatable(x:long)[5, 5, 7, 7, 9] | serialize | extend d = row_rank_dense(x), m = row_rank_min(x)",
            "5 | 1 | 1\n5 | 1 | 1\n7 | 2 | 3\n7 | 2 | 3\n9 | 3 | 5",
        ),
        (
            "range x from 1 to 4 step 1 | extend r = row_number(10, x % 2 == 1)",
            "1 | 10\n2 | 11\n3 | 10\n4 | 11",
        ),
        (
            "range x from 1 to 3 step 1 | extend s = row_cumsum(iff(isnull(prev(x)), 100, 1))",
            "1 | 100\n2 | 101\n3 | 102",
        ),
        (
            "range x from 3 to 1 step -1 | sort by x asc | extend d = x - prev(x)",
            "1 | null\n2 | 1\n3 | 1",
        ),
    ]);
}

#[test]
fn parsing() {
    check(&[
        ("print s = 'a=1, b=two' | parse s with 'a=' a:long ', b=' b | project a, b", "1 | two"),
        ("print s = 'za=1' | parse s with 'a=' a:long | project a", "null"),
        ("print s = 'za=1' | parse s with * 'a=' a:long | project a", "1"),
        // one capture that does not fit fails all, or itself alone
        ("print s = 'a=x, b=two' | parse s with 'a=' a:long ', b=' b | project a, b", "null | "),
        (
            "print s = 'a=x, b=two' | parse kind=relaxed s with 'a=' a:long ', b=' b | project a, b",
            "null | two",
        ),
        (
            "print s = 'a=27rest b=3' | parse s with 'a=' a:long * 'b=' b:int | project a, b",
            "27 | 3",
        ),
        (
            "datatable(s:string)['a=1', 'b=2', 'a=3'] | parse-where s with 'a=' a:long | project a",
            "1\n3",
        ),
        (
            "print s = 'key: VALUE;' | parse kind=regex flags=i s with @'KEY:\\s+' v ';' | project v",
            "VALUE",
        ),
        (
            "print s = 'k1=v1;k2=\"a;b\"' | parse-kv s as (k1:string, k2:string, k3:long) with (pair_delimiter=';', kv_delimiter='=', quote='\"') | project k1, k2, k3",
            "v1 | a;b | null",
        ),
        (
            "print s = 'name: John Doe phone: 555 5555' | parse-kv s as (name:string, phone:string) with (pair_delimiter=' ', kv_delimiter=':', greedy=true) | project name, phone",
            "John Doe | 555 5555",
        ),
        ("print s = 'x=1 (y) z:2' | parse-kv s as (x:long, z:long) | project x, z", "1 | 2"),
    ]);
}

#[test]
fn series() {
    let data = "datatable(t:long, k:string, v:long)[0,'a',1, 1,'a',2, 4,'a',3, 2,'b',5]";
    check(&[
        (
            &format!("{data} | make-series s = sum(v) on t from 0 to 5 step 2 by k"),
            "a | [3,0,3] | [0,2,4]\nb | [0,5,0] | [0,2,4]",
        ),
        (
            &format!("{data} | make-series s = sum(v) default = 9 on t from 1 to 4 step 1"),
            "[2,5,9] | [1,2,3]",
        ),
        (&format!("{data} | make-series c = count() on t step 2"), "[2,1,1] | [0,2,4]"),
        (&format!("{data} | take 0 | make-series c = count() on t from 0 to 2 step 1"), ""),
        (
            &format!(
                "{data} | take 0 | make-series kind=nonempty c = count() on t from 0 to 2 step 1"
            ),
            "[0,0] | [0,1]",
        ),
    ]);
}

#[test]
fn groups() {
    check(&[
        (
            "datatable(i:long, a:dynamic)[1, dynamic([3,1,2]), 2, dynamic([]), 3, dynamic([5])] | mv-apply e = a to typeof(long) on (top 2 by e | summarize l = make_list(e)) | project i, l",
            "1 | [3,2]\n3 | [5]",
        ),
        (
            "datatable(k:string, v:long)['a',1,'b',9,'a',5] | partition by k (top 1 by v)",
            "a | 5\nb | 9",
        ),
        (
            "datatable(k:string, v:long)['a',1,'b',9,'a',5] | partition hint.strategy=native by k (summarize s = sum(v) by k) | sort by s asc",
            "a | 6\nb | 9",
        ),
    ]);
}

/// The steps that all groups take at once give what they give group by group: a random number in a condition keeps them
/// apart.
#[test]
fn groups_at_once_and_one_by_one() {
    let arrays =
        ["null", "[]", "[1]", "[3,1,2,2]", "[null,5]", "[9,8,7,6,5,4,3,2,1]", "{\"a\":4}", "7"];
    let table: Vec<String> = (0..40)
        .map(|i| {
            let array = arrays[(i * 7) % arrays.len()];
            let key = ["'a'", "'b'", "''", "'c d'"][i % 4];
            let number = if i % 9 == 0 { "long(null)".to_owned() } else { (i % 5).to_string() };
            format!("{i}, {key}, {number}, dynamic({array})")
        })
        .collect();
    let data = format!("datatable(i:long, k:string, v:long, a:dynamic)[{}]", table.join(", "));
    let of_elements = [
        "where e > 2",
        "where e > 2 | project f = e * 2",
        "extend f = e + v | where f > 3 | project-away k",
        "extend k = strcat(k, '!')",
        "summarize c = count()",
        "where e > 2 | summarize c = count(), s = sum(e), l = make_list(e)",
        "where e > 2 | extend f = e * 2 | where f < 12 | summarize c = count(), m = max(f)",
        "summarize c = count() by o = e % 2",
        "where e > 4 | summarize c = count() by o = e % 2 | summarize n = count(), t = sum(c)",
        "summarize c = count() by o = e % 2 | where c > 1 | summarize n = count()",
        "summarize c = countif(e > 3), s = sumif(e, e < 3)",
        "top 1 by e",
        "top 2 by e asc | summarize l = make_list(e)",
        "where e > 2 | top 1 by e | summarize c = count()",
        "top 2 by e desc | where e > 3 | summarize c = count()",
        "order by e desc | summarize l = make_list(e)",
        "order by e asc | take 2 | project e",
        "summarize c = count() | where c > 2 | extend d = c + 1",
        "mv-expand x = pack_array(e, e) to typeof(long) | summarize s = sum(x)",
        "mv-apply x = pack_array(e, 1) to typeof(long) on (summarize m = max(x)) | summarize s = sum(m)",
        "where false | summarize c = count()",
        "where false | take 1",
        "take 0 | summarize c = count()",
        "distinct e",
        "summarize arg_max(e, v)",
        "project e | summarize b = make_bag(pack('x', e))",
        "extend r = row_number() | where r == 1",
    ];
    let of_groups = [
        "top 1 by i desc",
        "top 3 by i | project i, k",
        "summarize c = count(), s = sum(v)",
        "where v > 2 | summarize c = count()",
        "where v > 2",
        "order by i desc | summarize l = make_list(i)",
        "summarize c = count() by v",
        "summarize m = max(v) | project m",
    ];
    let apart = "where rand() >= 0.0";
    let pairs = of_elements
        .iter()
        .map(|body| {
            let form = |body: &str| {
                format!("{data} | mv-apply with_itemindex=at e = a to typeof(long) on ({body})")
            };
            (form(body), form(&format!("{apart} | {body}")))
        })
        .chain(["k", "v", "v % 2"].iter().flat_map(|by| {
            let data = &data;
            of_groups.iter().map(move |body| {
                let form = |body: &str| {
                    format!("{data} | extend by_ = {by} | partition hint.strategy=native by by_ ({body})")
                };
                (form(body), form(&format!("{apart} | {body}")))
            })
        }));
    for (at_once, one_by_one) in pairs {
        let ends = "| project p = tostring(pack_all()) | order by p asc";
        let got = rows(&[], &format!("{at_once} {ends}"), PLAIN);
        let expected = rows(&[], &format!("{one_by_one} {ends}"), PLAIN);
        assert!(!expected.is_empty() || at_once.contains("false") || at_once.contains("take 0"));
        super::same(&expected, &got, &at_once);
    }
}

#[test]
fn unions_and_shared_inputs() {
    check(&[
        ("union (print a = 1), (print b = 'x') | project a, b", "1 | \nnull | x"),
        (
            "let t = materialize(range x from 1 to 5 step 1 | extend r = new_guid()); t | join kind=inner t on r | count",
            "5",
        ),
        (
            "let t = range x from 1 to 5 step 1; t | where x > toscalar(t | summarize avg(x)) | summarize make_list(x)",
            "[4,5]",
        ),
        ("range x from 1 to 1000 step 1 | sample 10 | count", "10"),
        ("range x from 1 to 5 step 1 | sample 10 | summarize sum(x)", "15"),
    ]);
}
