//! What `hll()` and `tdigest()` have gathered: merged and read.

use values::{Dynamic, Value};

use super::Function;
use super::call::{Call, EvalError};
use super::support::Answer;
use crate::aggregates::sketch::{Digest, Hll};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("hll_merge", merge_hlls),
    Function::new("dcount_hll", |c| {
        let hlls = c.dynamic(0)?;
        c.longs(|row| Some(Hll::from_dynamic(hlls.get(row)?)?.count()))
    }),
    Function::new("hll_isvalid", |c| {
        let hlls = c.dynamic(0)?;
        c.bools(|row| Some(hlls.get(row).and_then(Hll::from_dynamic).is_some()))
    }),
    Function::new("tdigest_merge", merge_digests),
    Function::new("merge_tdigest", merge_digests),
    Function::new("tdigest_isvalid", |c| {
        let digests = c.dynamic(0)?;
        c.bools(|row| Some(digests.get(row).and_then(Digest::from_dynamic).is_some()))
    }),
    Function::new("percentile_tdigest", percentile),
    Function::new("percentiles_array_tdigest", percentiles),
    Function::new("rank_tdigest", |c| rank(c, false)),
    Function::new("percentrank_tdigest", |c| rank(c, true)),
];

/// All arguments that hold one, merged; null where none does.
fn merge_hlls(call: &Call<'_>) -> Answer {
    let all = (0..call.len()).map(|i| call.dynamic(i)).collect::<Result<Vec<_>, EvalError>>()?;
    call.dynamics(|row| {
        let hlls = all.iter().filter_map(|a| Hll::from_dynamic(a.get(row)?));
        hlls.reduce(|mut sum, hll| {
            sum.merge(hll);
            sum
        })
        .map(|hll| hll.to_dynamic())
    })
}

fn merge_digests(call: &Call<'_>) -> Answer {
    let all = (0..call.len()).map(|i| call.dynamic(i)).collect::<Result<Vec<_>, EvalError>>()?;
    call.dynamics(|row| {
        let digests = all.iter().filter_map(|a| Digest::from_dynamic(a.get(row)?));
        digests
            .reduce(|mut sum, digest| {
                sum.merge(&digest);
                sum
            })
            .map(|digest| digest.to_dynamic())
    })
}

/// A number as a dynamic value, whole where it is.
fn as_dynamic(value: f64) -> Dynamic {
    let whole = values::text::long_from_real(value).filter(|long| *long as f64 == value);
    Dynamic::from_value(&whole.map_or(Value::Real(value), Value::Long))
}

fn percentile(call: &Call<'_>) -> Answer {
    let (digests, percents) = (call.dynamic(0)?, call.number(1)?);
    call.dynamics(|row| {
        let mut digest = Digest::from_dynamic(digests.get(row)?)?;
        digest.percentile(percents.real(row)?).map(as_dynamic)
    })
}

/// One value for each percentile, given one by one or as an array.
fn percentiles(call: &Call<'_>) -> Answer {
    let digests = call.dynamic(0)?;
    call.built(|row, out| {
        let mut digest = Digest::from_dynamic(digests.get(row)?)?;
        let mut wanted = Vec::new();
        for index in 1..call.len() {
            match call.value(index, row) {
                Value::Dynamic(d) => wanted.extend(d.as_ref().array().filter_map(|p| p.to_f64())),
                value => wanted.extend(value.as_f64()),
            }
        }
        out.begin_array();
        for percent in wanted {
            match digest.percentile(percent) {
                Some(value) => out.dynamic(as_dynamic(value).as_ref()),
                None => out.null(),
            }
        }
        out.end_array();
        Some(())
    })
}

/// How many values are at most this one, or what percentage of all.
fn rank(call: &Call<'_>, share: bool) -> Answer {
    let (digests, values) = (call.dynamic(0)?, call.number(1)?);
    call.reals(|row| {
        let mut digest = Digest::from_dynamic(digests.get(row)?)?;
        let rank = digest.rank(values.real(row)?.next_up());
        Some(if share { rank / digest.rank(f64::INFINITY) * 100.0 } else { rank })
    })
}
