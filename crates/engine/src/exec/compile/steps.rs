//! One function per kind of step.

use std::sync::Arc;

use values::{ScalarType, Value};

use super::{Compiler, Need, columns_of, columns_of_call, positions, reads_group, types_of};
use crate::exec::ExecError;
use crate::exec::operator::Stage;
use crate::exec::operators as ops;
use crate::exec::operators::pick;
use crate::optimize::lone_terms;
use crate::plan::{
    AggregateCall, ColumnId, Expansion, Expr, Field, Grouping, JoinKind, Node, Output,
    ParseKvOptions, ParseMode, ParsePart, Plan, Scan, SeriesAggregate, SeriesAxis, SortKey, Window,
};

impl Compiler<'_> {
    pub(super) fn node(&self, plan: &Plan, need: &Need) -> Result<Stage, ExecError> {
        let fields = &plan.fields;
        match &*plan.node {
            Node::Scan(scan) => Ok(ops::Scan::stage(scan, fields)),
            Node::Rows(rows) => Ok(ops::Rows::stage(rows.batches.clone(), fields)),
            Node::Range { from, to, step } => self.range(from, to, step, fields),
            Node::Filter { input, predicate } => self.filter(input, predicate, need),
            Node::Project { input, outputs } => self.project(input, outputs, need),
            Node::Window { input, outputs } => self.window(input, outputs, need),
            Node::Aggregate { input, keys, aggregates } => {
                self.aggregate(input, keys, aggregates, fields)
            }
            Node::Sort { input, keys, limit } => self.sort(input, keys, *limit, need),
            Node::Limit { input, count } => Ok(ops::Limit::stage(self.stage(input, need)?, *count)),
            Node::Sample { input, count } => self.sample(input, *count, need),
            Node::Join { kind, left, right, left_keys, right_keys } => {
                self.join(*kind, (left, left_keys), (right, right_keys), need)
            }
            Node::Union { inputs } => self.union(inputs, fields, need),
            Node::Expand { input, expansions, bags_as_arrays, index, row, limit, keep_null } => {
                let layout = Layout { expansions, index: index.as_ref(), row: row.as_ref() };
                self.expand(input, layout, (*bags_as_arrays, *limit, *keep_null), need)
            }
            Node::Apply { input, grouping, row, keep, body, mapping } => {
                self.apply(input, (grouping, *row), keep, (body, mapping), fields)
            }
            Node::GroupInput => self.group_input(fields),
            Node::Parse { input, text, parts, captures, mode, only_matches } => {
                self.parse(input, text, (parts, *mode, *only_matches), captures, need)
            }
            Node::ParseKv { input, text, captures, options } => {
                self.parse_kv(input, text, captures, options, need)
            }
            Node::MakeSeries { input, keys, axis, aggregates, nonempty } => {
                self.make_series(input, keys, axis, aggregates, *nonempty)
            }
            Node::Shared { plan: shared, columns } => self.shared(shared, columns, fields),
            Node::Whole { inputs, operator } => {
                let inputs = inputs
                    .iter()
                    .map(|input| Ok((self.exact(input)?, input.fields.as_slice())))
                    .collect::<Result<_, ExecError>>()?;
                Ok(ops::Whole::stage(inputs, operator, fields))
            }
        }
    }

    fn range(
        &self,
        from: &Expr,
        to: &Expr,
        step: &Expr,
        fields: &[Field],
    ) -> Result<Stage, ExecError> {
        let Some(field) = fields.first() else {
            return Err(ExecError::Evaluation("range has no column".to_owned()));
        };
        let (from, to, step) = (self.constant(from)?, self.constant(to)?, self.constant(step)?);
        ops::Range::stage(from, &to, step, field, self.run)
    }

    fn filter(&self, input: &Plan, predicate: &Expr, need: &Need) -> Result<Stage, ExecError> {
        let mut below = need.clone();
        columns_of(predicate, &mut below);
        if let Node::Scan(scan) = &*input.node {
            return self.filtered_scan(scan, &input.fields, predicate, need);
        }
        let stage = self.stage(input, &below)?;
        let predicate = self.expr(predicate, &stage.layout)?;
        ops::Filter::stage(stage, predicate, need)
    }

    fn filtered_scan(
        &self,
        scan: &Scan,
        fields: &[Field],
        predicate: &Expr,
        need: &Need,
    ) -> Result<Stage, ExecError> {
        let mut looked_at = Need::new();
        columns_of(predicate, &mut looked_at);
        let (columns, layout): (Vec<usize>, Vec<ColumnId>) = fields
            .iter()
            .enumerate()
            .filter(|(_, field)| looked_at.contains(&field.id))
            .map(|(at, field)| (at, field.id))
            .unzip();
        let place = |id: ColumnId| fields.iter().position(|field| field.id == id);
        let lone = lone_terms(predicate).into_iter();
        let lone = lone.filter_map(|(id, terms)| Some((place(id)?, terms))).collect();
        let predicate = self.expr(predicate, &layout)?;
        let condition = ops::Condition::new(predicate, columns, lone, self.run.context().clone());
        Ok(ops::Scan::filtered(scan, fields, condition, need))
    }

    fn project(&self, input: &Plan, outputs: &[Output], need: &Need) -> Result<Stage, ExecError> {
        let wanted: Vec<&Output> = outputs.iter().filter(|o| need.contains(&o.field.id)).collect();
        let mut below = Need::new();
        wanted.iter().for_each(|o| columns_of(&o.expr, &mut below));
        let stage = self.stage(input, &below)?;
        let exprs = self.exprs(wanted.iter().map(|o| &o.expr), &stage.layout)?;
        Ok(ops::Project::stage(stage, exprs, wanted.iter().map(|o| o.field.id).collect()))
    }

    fn window(&self, input: &Plan, outputs: &[Output], need: &Need) -> Result<Stage, ExecError> {
        let wanted: Vec<&Output> = outputs.iter().filter(|o| need.contains(&o.field.id)).collect();
        let mut lowered = ops::Lowered::default();
        let exprs: Vec<Expr> = wanted.iter().map(|o| ops::lower(&o.expr, &mut lowered)).collect();
        let mut below = Need::new();
        let args = lowered.windows.iter().flat_map(|(_, w)| &w.args);
        exprs.iter().chain(args).for_each(|e| columns_of(e, &mut below));
        let stage = self.stage(input, &below)?;
        let types = types_of(&input.fields, &stage.layout)?;
        let mut layout = stage.layout.clone();
        let mut calls = Vec::with_capacity(lowered.windows.len());
        for (id, Window { kind, args, ty }) in &lowered.windows {
            let args = self.exprs(args, &layout)?;
            calls.push(ops::WindowCall { kind: *kind, args, ty: *ty });
            layout.push(*id);
        }
        let outputs = self.exprs(&exprs, &layout)?;
        let ids = wanted.iter().map(|o| o.field.id).collect();
        Ok(ops::Window::stage(stage, types, calls, outputs, ids))
    }

    fn aggregate(
        &self,
        input: &Plan,
        keys: &[Output],
        aggregates: &[AggregateCall],
        fields: &[Field],
    ) -> Result<Stage, ExecError> {
        let mut below = Need::new();
        keys.iter().for_each(|k| columns_of(&k.expr, &mut below));
        aggregates.iter().for_each(|a| columns_of_call(a, &mut below));
        let stage = self.stage(input, &below)?;
        let key_exprs = self.exprs(keys.iter().map(|k| &k.expr), &stage.layout)?;
        let calls = aggregates
            .iter()
            .map(|call| self.call(call, &stage.layout))
            .collect::<Result<Vec<_>, _>>()?;
        let types = types_of(&input.fields, &stage.layout)?;
        let layout = fields.iter().map(|f| f.id).collect();
        Ok(ops::Aggregate::stage(stage, types, key_exprs, calls, layout))
    }

    fn sort(
        &self,
        input: &Plan,
        keys: &[SortKey],
        limit: Option<usize>,
        need: &Need,
    ) -> Result<Stage, ExecError> {
        let mut below = need.clone();
        keys.iter().for_each(|k| columns_of(&k.expr, &mut below));
        let stage = self.stage(input, &below)?;
        let exprs = self.exprs(keys.iter().map(|k| &k.expr), &stage.layout)?;
        let types = types_of(&input.fields, &stage.layout)?;
        ops::Sort::stage(stage, keys, exprs, types, limit)
    }

    /// The rows with the smallest random numbers.
    fn sample(&self, input: &Plan, count: usize, need: &Need) -> Result<Stage, ExecError> {
        let stage = self.stage(input, need)?;
        let mut types = types_of(&input.fields, &stage.layout)?;
        types.push(ScalarType::Long);
        let stage = ops::Randomize::stage(stage);
        let expr = Expr::Column(ops::RANDOM, ScalarType::Long);
        let exprs = self.exprs([&expr], &stage.layout)?;
        let key = SortKey { expr, descending: false, nulls_first: true };
        let mut sorted = ops::Sort::stage(stage, &[key], exprs, types, Some(count))?;
        sorted.layout.pop();
        let positions = (0..sorted.layout.len()).collect();
        let operator = Box::new(ops::Pick::new(sorted.operator, positions));
        Ok(Stage { operator, layout: sorted.layout })
    }

    fn join(
        &self,
        kind: JoinKind,
        left: (&Plan, &[Expr]),
        right: (&Plan, &[Expr]),
        need: &Need,
    ) -> Result<Stage, ExecError> {
        let side = |(plan, keys): (&Plan, &[Expr]), given: bool| {
            let own: Need =
                plan.fields.iter().map(|f| f.id).filter(|id| given && need.contains(id)).collect();
            let mut below = own.clone();
            keys.iter().for_each(|k| columns_of(k, &mut below));
            let stage = self.stage(plan, &below)?;
            let output = (0..).zip(&stage.layout).filter(|(_, id)| own.contains(id));
            let side = ops::JoinSide {
                keys: self.exprs(keys, &stage.layout)?,
                types: types_of(&plan.fields, &stage.layout)?,
                output: output.map(|(at, _)| at).collect(),
                layout: stage.layout.clone(),
            };
            Ok::<_, ExecError>((stage, side))
        };
        let (gives_left, gives_right) = kind.gives();
        let (left_stage, left) = side(left, gives_left)?;
        let (right_stage, right) = side(right, gives_right)?;
        Ok(ops::Join::stage(left_stage, right_stage, ops::JoinSpec { kind, left, right }))
    }

    fn union(&self, inputs: &[Plan], fields: &[Field], need: &Need) -> Result<Stage, ExecError> {
        let wanted: Vec<usize> = fields
            .iter()
            .enumerate()
            .filter(|(_, f)| need.contains(&f.id))
            .map(|(at, _)| at)
            .collect();
        let inputs = inputs
            .iter()
            .map(|input| {
                let ids: Vec<ColumnId> =
                    wanted.iter().filter_map(|at| input.fields.get(*at).map(|f| f.id)).collect();
                let stage = self.stage(input, &ids.iter().copied().collect())?;
                let positions = positions(&stage.layout, &ids)?;
                Ok((stage, positions))
            })
            .collect::<Result<_, ExecError>>()?;
        let layout = wanted.iter().filter_map(|at| fields.get(*at).map(|f| f.id)).collect();
        Ok(ops::Union::stage(inputs, layout))
    }

    fn expand(
        &self,
        input: &Plan,
        Layout { expansions, index, row }: Layout<'_>,
        (bags_as_arrays, limit, keep_null): (bool, Option<u64>, bool),
        need: &Need,
    ) -> Result<Stage, ExecError> {
        let mut below = only(need, &input.fields);
        let kept_ids = below.clone();
        expansions.iter().for_each(|e| columns_of(&e.expr, &mut below));
        let stage = self.stage(input, &below)?;
        let (kept, mut layout) = kept(&stage, &kept_ids);
        let arrays = expansions
            .iter()
            .map(|e| Ok((self.expr(&e.expr, &stage.layout)?, e.field.ty)))
            .collect::<Result<_, ExecError>>()?;
        layout.extend(expansions.iter().map(|e| e.field.id));
        layout.extend(index.into_iter().chain(row).map(|f| f.id));
        let spec = ops::ExpandSpec {
            arrays,
            bags_as_arrays,
            index: index.is_some(),
            row: row.is_some(),
            limit: limit.unwrap_or(u64::MAX),
            keep_null,
            kept,
        };
        Ok(ops::Expand::stage(stage, spec, layout))
    }

    fn apply(
        &self,
        input: &Plan,
        (grouping, row): (&Grouping, Option<ColumnId>),
        keep: &[ColumnId],
        (body, mapping): (&Plan, &[(ColumnId, ColumnId)]),
        fields: &[Field],
    ) -> Result<Stage, ExecError> {
        let mut below: Need = keep.iter().copied().chain(mapping.iter().map(|(_, i)| *i)).collect();
        below.extend(row);
        if let Grouping::By(key) = grouping {
            columns_of(key, &mut below);
        }
        let stage = self.stage(input, &below)?;
        let at = |id: &ColumnId| positions(&stage.layout, &[*id]).map(|found| found[0]);
        let groups = match (grouping, row) {
            (Grouping::EachRow, Some(row)) => ops::Groups::EachRow(at(&row)?),
            (Grouping::EachRow, None) => {
                return Err(ExecError::Evaluation(
                    "mv-apply has no column of row numbers".to_owned(),
                ));
            }
            (Grouping::By(key), _) => ops::Groups::By(self.expr(key, &stage.layout)?),
        };
        let spec = ops::ApplySpec {
            groups,
            types: types_of(&input.fields, &stage.layout)?,
            kept: positions(&stage.layout, keep)?,
            mapping: mapping
                .iter()
                .map(|(body, input)| Ok((*body, at(input)?)))
                .collect::<Result<_, ExecError>>()?,
            body: body.clone(),
        };
        Ok(ops::Apply::stage(stage, spec, fields))
    }

    fn group_input(&self, fields: &[Field]) -> Result<Stage, ExecError> {
        let Some(group) = self.group else {
            return Err(ExecError::Evaluation(
                "a group's rows are read outside of a group".to_owned(),
            ));
        };
        let at = fields
            .iter()
            .map(|field| {
                let found = group.columns.iter().find(|(id, _)| *id == field.id);
                found.map(|(_, at)| *at).ok_or_else(|| {
                    ExecError::Evaluation(format!("a group has no column '{}'", field.name))
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ops::Rows::stage(vec![pick(group.rows, &at)], fields))
    }

    fn parse(
        &self,
        input: &Plan,
        text: &Expr,
        (parts, mode, only_matches): (&[ParsePart], ParseMode, bool),
        captures: &[Field],
        need: &Need,
    ) -> Result<Stage, ExecError> {
        let types: Vec<ScalarType> = captures.iter().map(|f| f.ty).collect();
        let pattern = ops::Pattern::new(parts, &types, mode)?;
        let ids = captures.iter().map(|f| f.id).collect();
        self.parsed(input, text, (pattern, types, only_matches), ids, need)
    }

    fn parse_kv(
        &self,
        input: &Plan,
        text: &Expr,
        captures: &[(Arc<str>, Field)],
        options: &ParseKvOptions,
        need: &Need,
    ) -> Result<Stage, ExecError> {
        let types: Vec<ScalarType> = captures.iter().map(|(_, f)| f.ty).collect();
        let keys = captures.iter().map(|(key, f)| (Arc::clone(key), f.ty));
        let pattern = ops::Pattern::KeyValues(ops::KeyValues::new(keys, options)?);
        let ids = captures.iter().map(|(_, f)| f.id).collect();
        self.parsed(input, text, (pattern, types, false), ids, need)
    }

    fn parsed(
        &self,
        input: &Plan,
        text: &Expr,
        (pattern, types, only_matches): (ops::Pattern, Vec<ScalarType>, bool),
        captures: Vec<ColumnId>,
        need: &Need,
    ) -> Result<Stage, ExecError> {
        let kept_ids = only(need, &input.fields);
        let mut below = kept_ids.clone();
        columns_of(text, &mut below);
        let stage = self.stage(input, &below)?;
        let text = self.expr(text, &stage.layout)?;
        let (kept, mut layout) = kept(&stage, &kept_ids);
        layout.extend(captures);
        let spec = ops::ParseSpec { text, pattern, types, only_matches, kept };
        Ok(ops::Parse::stage(stage, spec, layout))
    }

    fn make_series(
        &self,
        input: &Plan,
        keys: &[Output],
        axis: &SeriesAxis,
        aggregates: &[SeriesAggregate],
        nonempty: bool,
    ) -> Result<Stage, ExecError> {
        let mut below = Need::new();
        keys.iter().for_each(|k| columns_of(&k.expr, &mut below));
        aggregates.iter().for_each(|a| columns_of_call(&a.call, &mut below));
        columns_of(&axis.expr, &mut below);
        let stage = self.stage(input, &below)?;
        let end = |e: &Option<Expr>| e.as_ref().map_or(Ok(Value::Null), |e| self.constant(e));
        let spec = ops::SeriesSpec {
            keys: self.exprs(keys.iter().map(|k| &k.expr), &stage.layout)?,
            axis: ops::Axis {
                expr: self.expr(&axis.expr, &stage.layout)?,
                from: end(&axis.from)?,
                to: end(&axis.to)?,
                step: self.constant(&axis.step)?,
            },
            calls: aggregates
                .iter()
                .map(|a| self.call(&a.call, &stage.layout))
                .collect::<Result<_, _>>()?,
            defaults: aggregates
                .iter()
                .map(|a| self.constant(&a.default))
                .collect::<Result<_, _>>()?,
            nonempty,
            width: stage.layout.len(),
        };
        let mut layout: Vec<ColumnId> = keys.iter().map(|k| k.field.id).collect();
        layout.extend(aggregates.iter().map(|a| a.field.id));
        layout.push(axis.field.id);
        Ok(ops::MakeSeries::stage(stage, spec, layout))
    }

    fn shared(
        &self,
        shared: &Arc<Plan>,
        columns: &[ColumnId],
        fields: &[Field],
    ) -> Result<Stage, ExecError> {
        let layout: Vec<ColumnId> = fields.iter().map(|f| f.id).collect();
        if self.group.is_some() && reads_group(shared) {
            let stage = self.stage(shared, &columns.iter().copied().collect())?;
            let positions = positions(&stage.layout, columns)?;
            let operator = Box::new(ops::Pick::new(stage.operator, positions));
            return Ok(Stage { operator, layout });
        }
        let wanted: Vec<ColumnId> = shared.fields.iter().map(|f| f.id).collect();
        Ok(ops::Shared::stage(shared, positions(&wanted, columns)?, layout))
    }
}

/// What `mv-expand` puts behind the input's columns.
struct Layout<'a> {
    expansions: &'a [Expansion],
    index: Option<&'a Field>,
    row: Option<&'a Field>,
}

/// Of the columns needed, those that are fields.
fn only(need: &Need, fields: &[Field]) -> Need {
    fields.iter().map(|f| f.id).filter(|id| need.contains(id)).collect()
}

/// Where the columns wanted are, and their ids in that order.
fn kept(stage: &Stage, wanted: &Need) -> (Vec<usize>, Vec<ColumnId>) {
    (0..).zip(&stage.layout).filter(|(_, id)| wanted.contains(id)).map(|(at, id)| (at, *id)).unzip()
}
