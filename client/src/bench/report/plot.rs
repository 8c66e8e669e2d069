//! Lines in a picture: SVG that needs nothing beside it.

use std::fmt::Write as _;

/// How an axis is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// From zero, evenly.
    Even,
    /// By factors; what is not above zero is left out.
    Factors,
}

/// A picture of lines.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) x: (&'static str, Scale),
    pub(super) y: (&'static str, Scale),
    /// Name and points of each line.
    pub(super) lines: Vec<(&'static str, Vec<(f64, f64)>)>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
/// Left, right, top, bottom.
const MARGIN: (f64, f64, f64, f64) = (70.0, 20.0, 34.0, 44.0);
/// Told apart without seeing red from green, and on paper.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const DASHES: [&str; 4] = ["", "6 3", "2 3", "8 3 2 3"];

/// One axis: from data to a place in the picture.
#[derive(Clone, Copy, Debug)]
struct Axis {
    scale: Scale,
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn of(scale: Scale, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
        let (least, most) = if least <= most { (least, most) } else { (1.0, 10.0) };
        match scale {
            Scale::Even => Self { scale, least: 0.0, most: if most > 0.0 { most * 1.05 } else { 1.0 }, from, to },
            Scale::Factors => Self { scale, least: least / 1.05, most: most.max(least * 1.1) * 1.05, from, to },
        }
    }

    fn place(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Even => (value - self.least) / (self.most - self.least),
            Scale::Factors => (value / self.least).ln() / (self.most / self.least).ln(),
        };
        self.from + share * (self.to - self.from)
    }

    /// Where the axis is labelled: at most ten places.
    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Even => {
                let step = round_step(self.most / 6.0);
                (0..=10).map(|n| f64::from(n) * step).filter(|value| *value <= self.most).collect()
            }
            Scale::Factors => {
                let all: Vec<f64> = (-30..40).map(|n| 2f64.powi(n)).filter(|value| (self.least..=self.most).contains(value)).collect();
                let each = all.len().div_ceil(10).max(1);
                all.into_iter().step_by(each).collect()
            }
        }
    }
}

/// The next 1, 2 or 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1e-12).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= least).unwrap_or(10.0 * power)
}

impl Plot {
    /// The picture; none if there is nothing to show.
    pub(super) fn svg(&self) -> Option<String> {
        let (left, right, top, bottom) = MARGIN;
        let shown: Vec<(&str, Vec<(f64, f64)>)> = self.lines.iter().map(|(name, points)| (*name, self.shown(points))).collect();
        let all = || shown.iter().flat_map(|(_, points)| points);
        all().next()?;
        let x = Axis::of(self.x.1, all().map(|point| point.0), left, WIDTH - right);
        let y = Axis::of(self.y.1, all().map(|point| point.1), HEIGHT - bottom, top);
        let mut svg = String::new();
        self.frame(&mut svg, x, y).ok()?;
        for (number, (name, points)) in shown.iter().filter(|(_, points)| !points.is_empty()).enumerate() {
            line(&mut svg, number, name, points.iter().map(|(at, value)| (x.place(*at), y.place(*value)))).ok()?;
        }
        svg.push_str("</svg>\n");
        Some(svg)
    }

    /// The points that the scales can show.
    fn shown(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let fits = |scale: Scale, value: f64| value.is_finite() && (scale == Scale::Even || value > 0.0);
        points.iter().copied().filter(|(at, value)| fits(self.x.1, *at) && fits(self.y.1, *value)).collect()
    }

    fn frame(&self, svg: &mut String, x: Axis, y: Axis) -> std::fmt::Result {
        let (left, right, top, bottom) = MARGIN;
        let (foot, middle) = (HEIGHT - bottom, (left + WIDTH - right) / 2.0);
        writeln!(svg, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", self.title)?;
        writeln!(svg, "<text class=\"title\" x=\"{left}\" y=\"18\">{}</text>", self.title)?;
        for tick in y.ticks() {
            let at = y.place(tick);
            writeln!(svg, "<path class=\"grid\" d=\"M{left} {at:.1}H{}\"/>", WIDTH - right)?;
            writeln!(svg, "<text class=\"y\" x=\"{}\" y=\"{:.1}\">{}</text>", left - 6.0, at + 4.0, short(tick))?;
        }
        for tick in x.ticks() {
            let at = x.place(tick);
            writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {top}V{foot}\"/>")?;
            writeln!(svg, "<text class=\"x\" x=\"{at:.1}\" y=\"{}\">{}</text>", foot + 16.0, short(tick))?;
        }
        writeln!(svg, "<text class=\"x\" x=\"{middle}\" y=\"{}\">{}</text>", HEIGHT - 8.0, self.x.0)?;
        writeln!(svg, "<text class=\"x\" transform=\"translate(14 {}) rotate(-90)\">{}</text>", f64::midpoint(top, foot), self.y.0)
    }
}

fn line(svg: &mut String, number: usize, name: &str, places: impl Iterator<Item = (f64, f64)> + Clone) -> std::fmt::Result {
    let (colour, dash) = (COLOURS[number % COLOURS.len()], DASHES[number % DASHES.len()]);
    let points: Vec<String> = places.clone().map(|(at, value)| format!("{at:.1},{value:.1}")).collect();
    writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>",
        points.join(" ")
    )?;
    if points.len() <= 64 {
        for (at, value) in places {
            writeln!(svg, "<circle cx=\"{at:.1}\" cy=\"{value:.1}\" r=\"2.5\" fill=\"{colour}\"/>")?;
        }
    }
    let right = WIDTH - MARGIN.1 - 130.0;
    let height = 18.0 + 14.0 * number as f64;
    writeln!(svg, "<path d=\"M{right} {}h24\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>", height - 4.0)?;
    writeln!(svg, "<text x=\"{}\" y=\"{height}\">{name}</text>", right + 30.0)
}

/// A number in few characters.
fn short(number: f64) -> String {
    let plain = |number: f64| {
        let text = format!("{number:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match number {
        n if n >= 1e6 => format!("{}M", plain(n / 1e6)),
        n if n >= 1e4 => format!("{}k", plain(n / 1e3)),
        n if n < 0.01 && n > 0.0 => format!("{n:.0e}"),
        n => plain(n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_an_axis_are_inside_the_picture() {
        for scale in [Scale::Even, Scale::Factors] {
            let axis = Axis::of(scale, [1.0, 2_048.0].into_iter(), 70.0, 620.0);
            for value in [1.0, 64.0, 2_048.0] {
                assert!((70.0..=620.0).contains(&axis.place(value)), "{scale:?} {value}");
            }
            assert!(axis.ticks().len() >= 3, "{:?}", axis.ticks());
        }
    }

    #[test]
    fn nothing_to_show_is_no_picture_and_zero_has_no_place_among_factors() {
        let plot = |points| Plot { title: "t", x: ("x", Scale::Even), y: ("y", Scale::Factors), lines: vec![("l", points)] };
        assert_eq!(plot(vec![]).svg(), None);
        assert_eq!(plot(vec![(1.0, 0.0)]).svg(), None);
        assert!(plot(vec![(1.0, 0.0), (2.0, 5.0)]).svg().is_some_and(|svg| !svg.contains("NaN") && !svg.contains("inf")));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, 0.5, 64.0, 2_048.0, 50_000.0, 1_500_000.0].map(short), ["0", "0.5", "64", "2048", "50k", "1.5M"]);
    }
}
