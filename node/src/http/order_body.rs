//! An order as its buyer wrote it, checked: the one place that says what a well-formed order is.

use holdfast_api::CreateLine;
use holdfast_api::limits::{MAX_LINES, MAX_QUANTITY};
use holdfast_inventory::{Line, Lines, Params, SkuId, check_sku, check_visible};

use super::problem::Reply;

/// What one order may ask for: the contract's bounds, or the narrower ones of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderBounds {
    lines: usize,
    /// Of one line, and of the lines of one SKU together.
    units: u32,
}

impl Default for OrderBounds {
    fn default() -> Self {
        Self { lines: MAX_LINES, units: MAX_QUANTITY }
    }
}

impl From<&Params> for OrderBounds {
    fn from(params: &Params) -> Self {
        Self { lines: MAX_LINES.min(params.max_lines.into()), units: MAX_QUANTITY.min(params.max_line_units) }
    }
}

/// An order in a body, and where it stands there.
pub(crate) struct Written<'a> {
    pub(crate) at: &'a str,
    pub(crate) buyer: &'a str,
    pub(crate) lines: &'a [CreateLine<'a>],
}

/// Checks form before meaning: whether a SKU exists is asked only when everything reads well. Lines of one SKU are summed.
///
/// `find` tells a SKU's number.
pub(crate) fn check(order: &Written<'_>, bounds: OrderBounds, find: impl Fn(&str) -> Option<SkuId>) -> Result<Lines, Reply> {
    check_form(order, bounds)?;
    let Written { at, lines, .. } = *order;
    let mut summed = Lines::new();
    for (place, line) in lines.iter().enumerate() {
        let sku = find(&line.sku).ok_or_else(|| Reply::unknown_sku(&line.sku))?;
        match summed.iter_mut().find(|known| known.sku == sku) {
            None => summed.push(Line { sku, units: line.quantity }),
            // Form has bounded both: the sum of 16 lines of 1,000 does not overflow.
            Some(known) if known.units + line.quantity <= bounds.units => known.units += line.quantity,
            Some(_) => {
                let detail = format!("The lines of {} together ask for more than {}; ask for fewer.", line.sku, bounds.units);
                return Err(Reply::malformed_at(format!("{at}/lines/{place}/quantity"), detail));
            }
        }
    }
    Ok(summed)
}

fn check_form(order: &Written<'_>, bounds: OrderBounds) -> Result<(), Reply> {
    let Written { at, buyer, lines } = *order;
    check_visible(buyer).map_err(|error| Reply::malformed_at(format!("{at}/buyer"), format!("The buyer {error}.")))?;
    if lines.is_empty() || lines.len() > bounds.lines {
        let detail = format!("An order has 1 to {} lines and this one has {}; split it, or add one.", bounds.lines, lines.len());
        return Err(Reply::malformed_at(format!("{at}/lines"), detail));
    }
    for (place, line) in lines.iter().enumerate() {
        check_sku(&line.sku).map_err(|error| Reply::malformed_at(format!("{at}/lines/{place}/sku"), format!("The SKU's name {error}.")))?;
        if !(1..=bounds.units).contains(&line.quantity) {
            let detail = format!("A quantity is a whole number from 1 to {}; {} is not.", bounds.units, line.quantity);
            return Err(Reply::malformed_at(format!("{at}/lines/{place}/quantity"), detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use holdfast_api::ProblemType;

    use super::*;

    fn lines(of: &[(&'static str, u32)]) -> Vec<CreateLine<'static>> {
        of.iter().map(|&(sku, quantity)| CreateLine { sku: sku.into(), quantity }).collect()
    }

    fn find(name: &str) -> Option<SkuId> {
        ["a", "b"].iter().position(|known| *known == name).map(|place| SkuId(u32::try_from(place).unwrap()))
    }

    fn refused(buyer: &str, of: &[(&'static str, u32)]) -> (ProblemType, Option<String>) {
        refused_within(OrderBounds::default(), buyer, of)
    }

    fn refused_within(bounds: OrderBounds, buyer: &str, of: &[(&'static str, u32)]) -> (ProblemType, Option<String>) {
        let reply = check(&Written { at: "", buyer, lines: &lines(of) }, bounds, find).expect_err("refused");
        (reply.kind, reply.problem.pointer.clone())
    }

    #[test]
    fn equal_skus_are_summed_in_the_buyers_order() {
        let order = Written { at: "", buyer: "buyer", lines: &lines(&[("b", 1), ("a", 2), ("b", 3)]) };
        let summed = check(&order, OrderBounds::default(), find).unwrap();
        assert_eq!(summed.as_slice(), [Line { sku: SkuId(1), units: 4 }, Line { sku: SkuId(0), units: 2 }]);
    }

    #[test]
    fn each_broken_rule_names_its_place() {
        let long = "x".repeat(65);
        let malformed = |pointer: &str| (ProblemType::Malformed, Some(pointer.to_owned()));
        assert_eq!(refused("", &[("a", 1)]), malformed("/buyer"));
        assert_eq!(refused(&long, &[("a", 1)]), malformed("/buyer"));
        assert_eq!(refused("white space", &[("a", 1)]), malformed("/buyer"));
        assert_eq!(refused("b", &[]), malformed("/lines"));
        assert_eq!(refused("b", &[("a", 1); 17]), malformed("/lines"));
        assert_eq!(refused("b", &[("a", 1), ("a b", 1)]), malformed("/lines/1/sku"));
        assert_eq!(refused("b", &[("", 1)]), malformed("/lines/0/sku"));
        assert_eq!(refused("b", &[("a", 0)]), malformed("/lines/0/quantity"));
        assert_eq!(refused("b", &[("a", 1_001)]), malformed("/lines/0/quantity"));
        assert_eq!(refused("b", &[("a", u32::MAX)]), malformed("/lines/0/quantity"));
        assert_eq!(refused("b", &[("a", 600), ("a", 600)]), malformed("/lines/1/quantity"));
        assert_eq!(refused("b", &[("nobody", 1)]), (ProblemType::UnknownSku, None));
    }

    #[test]
    fn a_clusters_own_bounds_are_told_as_such() {
        let bounds = OrderBounds::from(&Params { max_lines: 1, max_line_units: 5, ..Params::default() });
        let malformed = |pointer: &str| (ProblemType::Malformed, Some(pointer.to_owned()));
        assert_eq!(refused_within(bounds, "b", &[("a", 6)]), malformed("/lines/0/quantity"));
        assert_eq!(refused_within(bounds, "b", &[("a", 1), ("b", 1)]), malformed("/lines"));
        assert!(check(&Written { at: "", buyer: "b", lines: &lines(&[("a", 5)]) }, bounds, find).is_ok());
    }

    #[test]
    fn form_goes_before_meaning() {
        assert_eq!(refused("b", &[("nobody", 1), ("a", 0)]).0, ProblemType::Malformed);
        assert_eq!(refused("", &[("nobody", 1)]).0, ProblemType::Malformed);
    }
}
