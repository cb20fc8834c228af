//! A page of a list by `$filter`, `$orderby`, `$top` and `$skipToken`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use odata::{Filter, Order};

/// Resources on a page unless `$top` says fewer.
const PAGE_SIZE: usize = 100;
/// Most that `$top` may ask for on one page.
const PAGE_MAX: usize = 1_000;

/// What a list call asks for.
#[derive(Clone, Debug)]
pub struct Listing {
    filter: Option<Filter>,
    order: Order,
    /// How many are still wanted; none for all.
    wanted: Option<usize>,
    /// Behind the resource with this key and name.
    after: Option<(Vec<Value>, String)>,
}

impl Listing {
    /// Reads the parameters; the error is (parameter, what is wrong with it).
    pub fn parse<'a>(
        parameter: impl Fn(&str) -> Option<&'a str>,
        default_order: &str,
    ) -> Result<Self, (&'static str, String)> {
        let text = |name: &str| parameter(name).map(str::trim).filter(|t| !t.is_empty());
        let filter = text("$filter").map(Filter::parse).transpose().map_err(|e| ("$filter", e))?;
        let order = text("$orderby").unwrap_or(default_order);
        let order = Order::parse(order).map_err(|e| ("$orderby", e))?;
        let wanted = match text("$top") {
            None => None,
            Some(top) => match top.parse::<usize>() {
                Ok(top) if top > 0 => Some(top),
                _ => return Err(("$top", format!("'{top}' is not a whole number from 1"))),
            },
        };
        let mut listing = Self { filter, order, wanted, after: None };
        if let Some(token) = text("$skipToken") {
            let bad = || {
                (
                    "$skipToken",
                    "it was not handed out by this list; follow nextLink as it is".to_owned(),
                )
            };
            listing.resume(token).ok_or_else(bad)?;
        }
        Ok(listing)
    }

    fn resume(&mut self, token: &str) -> Option<()> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let token: Value = serde_json::from_slice(&bytes).ok()?;
        let key = token.get("k")?.as_array()?.clone();
        self.after = Some((key, token.get("i")?.as_str()?.to_owned()));
        if let Some(wanted) = token.get("n").and_then(Value::as_u64) {
            self.wanted = Some(usize::try_from(wanted).ok()?);
        }
        Some(())
    }

    fn token(&self, last: &Keyed, taken: usize) -> String {
        let left = self.wanted.map(|wanted| wanted - taken.min(wanted));
        let token = json!({ "k": last.key, "i": last.name, "n": left });
        URL_SAFE_NO_PAD.encode(token.to_string())
    }
}

/// A resource with its place in the order.
struct Keyed {
    key: Vec<Value>,
    name: String,
    resource: Value,
}

/// One page of `resources`, and the token of the next one.
pub fn list(
    resources: impl IntoIterator<Item = Value>,
    listing: &Listing,
) -> (Vec<Value>, Option<String>) {
    let fits = |resource: &Value| listing.filter.as_ref().is_none_or(|f| f.matches(resource));
    let mut keyed: Vec<Keyed> = resources
        .into_iter()
        .filter(fits)
        .map(|resource| Keyed {
            key: listing.order.key(&resource),
            name: resource.get("name").and_then(Value::as_str).unwrap_or("").to_owned(),
            resource,
        })
        .collect();
    let order = |a: &Keyed, key: &[Value], name: &str| {
        listing.order.compare(&a.key, key).then_with(|| a.name.as_str().cmp(name))
    };
    keyed.sort_by(|a, b| order(a, &b.key, &b.name));
    if let Some((key, name)) = &listing.after {
        keyed.retain(|item| order(item, key, name).is_gt());
    }
    let size = listing.wanted.map_or(PAGE_SIZE, |wanted| wanted.min(PAGE_MAX));
    let more_wanted = listing.wanted.is_none_or(|wanted| wanted > size);
    let token = match keyed.get(size.saturating_sub(1)) {
        Some(last) if keyed.len() > size && more_wanted => Some(listing.token(last, size)),
        _ => None,
    };
    keyed.truncate(size);
    (keyed.into_iter().map(|item| item.resource).collect(), token)
}
