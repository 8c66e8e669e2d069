//! An order as its buyer wrote it, checked: the one place that says what a well-formed order is.

use holdfast_api::CreateLine;
use holdfast_api::limits::{MAX_LINES, MAX_QUANTITY};
use holdfast_inventory::{Line, Lines, SkuId, check_sku, check_visible};

use super::problem::Reply;

/// Checks form before meaning: whether a SKU exists is asked only when everything reads well. Lines of one SKU are summed.
///
/// `at` is where the order stands in the body; `find` tells a SKU's number.
pub(crate) fn check(at: &str, buyer: &str, lines: &[CreateLine<'_>], find: impl Fn(&str) -> Option<SkuId>) -> Result<Lines, Reply> {
    check_form(at, buyer, lines)?;
    let mut summed = Lines::new();
    for (place, line) in lines.iter().enumerate() {
        let sku = find(&line.sku).ok_or_else(|| Reply::unknown_sku(&line.sku))?;
        match summed.iter_mut().find(|known| known.sku == sku) {
            None => summed.push(Line { sku, units: line.quantity }),
            // Form has bounded both: the sum of 16 lines of 1,000 does not overflow.
            Some(known) if known.units + line.quantity <= MAX_QUANTITY => known.units += line.quantity,
            Some(_) => {
                let detail = format!("The lines of {} together ask for more than {MAX_QUANTITY}; ask for fewer.", line.sku);
                return Err(Reply::malformed_at(format!("{at}/lines/{place}/quantity"), detail));
            }
        }
    }
    Ok(summed)
}

fn check_form(at: &str, buyer: &str, lines: &[CreateLine<'_>]) -> Result<(), Reply> {
    check_visible(buyer).map_err(|error| Reply::malformed_at(format!("{at}/buyer"), format!("The buyer {error}.")))?;
    if lines.is_empty() || lines.len() > MAX_LINES {
        let detail = format!("An order has 1 to {MAX_LINES} lines and this one has {}; split it, or add one.", lines.len());
        return Err(Reply::malformed_at(format!("{at}/lines"), detail));
    }
    for (place, line) in lines.iter().enumerate() {
        check_sku(&line.sku).map_err(|error| Reply::malformed_at(format!("{at}/lines/{place}/sku"), format!("The SKU's name {error}.")))?;
        if !(1..=MAX_QUANTITY).contains(&line.quantity) {
            let detail = format!("A quantity is a whole number from 1 to {MAX_QUANTITY}; {} is not.", line.quantity);
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
        let reply = check("", buyer, &lines(of), find).expect_err("refused");
        (reply.kind, reply.problem.pointer.clone())
    }

    #[test]
    fn equal_skus_are_summed_in_the_buyers_order() {
        let summed = check("", "buyer", &lines(&[("b", 1), ("a", 2), ("b", 3)]), find).unwrap();
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
    fn form_goes_before_meaning() {
        assert_eq!(refused("b", &[("nobody", 1), ("a", 0)]).0, ProblemType::Malformed);
        assert_eq!(refused("", &[("nobody", 1)]).0, ProblemType::Malformed);
    }
}
