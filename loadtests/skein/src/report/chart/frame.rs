//! The frame of a chart: its name, its keys, the axes around the drawing, and the
//! table that says the same in figures.

use maud::{Markup, html};

use super::Axis;
use super::marks::{SIZE, level, upright};
use crate::report::layout::scroll;

/// A chart, but for what is drawn into it.
#[derive(Clone, Debug)]
pub struct Figure<'a> {
    /// A name for links, unique on the page.
    pub id: &'a str,
    /// What is shown, in a few words with the unit.
    pub title: &'a str,
    /// What there is to see, for those who can't; a sentence or two.
    pub description: String,
    /// From left to right.
    pub x: &'a Axis,
    /// From bottom to top.
    pub y: &'a Axis,
    /// The height of the drawing, in rem.
    pub height: f64,
    /// Stretches of the x axis that have a name.
    pub bands: &'a [Band],
    /// What the colours and dashes mean.
    pub keys: &'a [Key<'a>],
    /// How much of the x axis, from 0 to 1, the rows of the table share out equally, so
    /// that a pointer can read them out; `None` when rows are something else.
    pub reads_out: Option<f64>,
}

/// A stretch of the x axis that has a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// Where it begins and ends, from 0 to 1.
    pub reach: (f64, f64),
    /// What it is called.
    pub name: String,
    /// Whether it stands back, for nothing in it is judged.
    pub faint: bool,
}

/// What a class of marks means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The style class.
    pub class: &'a str,
    /// What it means.
    pub name: &'a str,
}

impl Figure<'_> {
    /// The chart with `drawing`, which is SVG, in it, and `table` in small below.
    pub fn with(&self, drawing: &Markup, table: &Markup) -> Markup {
        html! {
            figure.chart id=(self.id) {
                figcaption { (self.title) }
                @if !self.keys.is_empty() { (keys(self.keys)) }
                div.plot data-reads-out=[self.reads_out.map(|reach| format!("{reach:.4}"))] style=(format!("--height:{}rem", self.height)) {
                    div.y aria-hidden="true" {
                        @for tick in &self.y.ticks {
                            span style=(format!("bottom:{:.2}%", tick.place * 100.0)) { (tick.label) }
                        }
                    }
                    div.area {
                        @if !self.bands.is_empty() { (names(self.bands)) }
                        (self.svg(drawing))
                    }
                    div.x aria-hidden="true" {
                        @for tick in &self.x.ticks {
                            span style=(format!("left:{:.2}%", tick.place * 100.0)) { (tick.label) }
                        }
                    }
                }
                details.figures { summary { "Figures" } (scroll(&format!("Figures: {}", self.title), table)) }
            }
        }
    }

    fn svg(&self, drawing: &Markup) -> Markup {
        let described_by = format!("{}-text", self.id);
        html! {
            svg viewBox=(format!("0 0 {SIZE} {SIZE}")) preserveAspectRatio="none" role="img"
                aria-label=(self.title) aria-describedby=(described_by) {
                desc id=(described_by) { (self.description) }
                g.bands { @for band in self.bands {
                    @let (from, to) = band.reach;
                    @if band.faint {
                        rect x=(units(from)) y="0" width=(units(to - from)) height=(SIZE) {}
                    }
                } }
                g.grid {
                    path d=(self.y.ticks.iter().map(|tick| level(tick.place)).collect::<String>()) {}
                    path d=(self.bands.iter().skip(1).map(|band| upright(band.reach.0)).collect::<String>()) {}
                }
                (drawing)
            }
        }
    }
}

fn units(place: f64) -> f64 {
    (place * SIZE * 10.0).round() / 10.0
}

fn keys(keys: &[Key<'_>]) -> Markup {
    html! {
        ul.keys {
            @for key in keys { li {
                svg.(key.class) viewBox="0 0 24 10" aria-hidden="true" { path d="M1 5H23" {} }
                (key.name)
            } }
        }
    }
}

fn names(bands: &[Band]) -> Markup {
    html! {
        div.names aria-hidden="true" {
            @for band in bands {
                @let (from, to) = band.reach;
                span style=(format!("left:{:.2}%;width:{:.2}%", from * 100.0, (to - from) * 100.0)) { (band.name) }
            }
        }
    }
}

/// A path of one class; nothing where there is nothing to draw.
pub fn path(class: &str, data: &str) -> Markup {
    html! { @if !data.is_empty() { path.(class) d=(data) {} } }
}

/// A table of figures: its head, and rows of which the first cell names the rest.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Markup {
    html! {
        table.small {
            thead { tr { @for (index, name) in head.iter().enumerate() {
                th scope="col" class=[(index > 0).then_some("n")] { (name) }
            } } }
            tbody { @for row in rows { tr {
                @for (index, cell) in row.iter().enumerate() {
                    @if index == 0 { th scope="row" { (cell) } } @else { td.n { (cell) } }
                }
            } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::Scale;

    #[test]
    fn a_chart_says_what_it_shows_and_has_its_figures_below() {
        let axis = Axis::time(10.0);
        let figure = Figure {
            id: "rate",
            title: "Rate <b>",
            description: "It rises.".to_owned(),
            x: &axis,
            y: &Axis::new(Scale::from_zero(3.0), 3, |value| value.to_string()),
            height: 10.0,
            bands: &[Band {
                reach: (0.0, 0.5),
                name: "warm-up".to_owned(),
                faint: true,
            }],
            keys: &[Key {
                class: "one",
                name: "achieved",
            }],
            reads_out: Some(1.0),
        };
        let rows = [vec!["0 s".to_owned(), "7".to_owned()]];
        let page = figure
            .with(&path("one", "M0 0h1"), &table(&["Time", "Rate"], rows))
            .into_string();
        for says in [
            r#"role="img" aria-label="Rate &lt;b&gt;""#,
            "It rises.",
            "warm-up",
            r#"<th scope="row">0 s</th>"#,
            r#"<path class="one" d="M0 0h1">"#,
        ] {
            assert!(page.contains(says), "{says} is missing in {page}");
        }
    }
}
