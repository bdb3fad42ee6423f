//! What is drawn into a frame, as the data of SVG paths. Places are from 0 to 1, with
//! 0 at the left and at the bottom; a frame has [`SIZE`] units each way.

use std::fmt::Write;

/// How many units a frame is wide and high.
pub const SIZE: f64 = 1000.0;

/// A place in a frame.
pub type Place = (f64, f64);

/// A line through the places; where there is none, it breaks off.
pub fn line(places: impl IntoIterator<Item = Option<Place>>) -> String {
    let mut path = String::new();
    let mut before: Option<Place> = None;
    for place in places {
        if let Some((x, y)) = place {
            let command = if before.is_some() { 'L' } else { 'M' };
            push(&mut path, command, x, y);
            if before.is_none() {
                // A place that stands alone shows as the dot of its round ends.
                path.push_str("h0");
            }
        }
        before = place;
    }
    path
}

/// The area between a line through the places and the bottom.
pub fn area(places: &[Place]) -> String {
    let (Some(first), Some(last)) = (places.first(), places.last()) else {
        return String::new();
    };
    let mut path = String::new();
    push(&mut path, 'M', first.0, 0.0);
    for (x, y) in places {
        push(&mut path, 'L', *x, *y);
    }
    push(&mut path, 'L', last.0, 0.0);
    path.push('Z');
    path
}

/// A bar from the bottom, between two places from left to right.
pub fn bar(from: f64, to: f64, height: f64) -> String {
    let mut path = String::new();
    push(&mut path, 'M', from, 0.0);
    push(&mut path, 'L', from, height);
    push(&mut path, 'L', to, height);
    push(&mut path, 'L', to, 0.0);
    path.push('Z');
    path
}

/// Dots: lines without a length, which the style gives round ends.
pub fn dots(places: impl IntoIterator<Item = Place>) -> String {
    let mut data = String::new();
    for (x, y) in places {
        let (x, y) = (x * SIZE, (1.0 - y) * SIZE);
        write!(data, "M{x:.1} {y:.1}h0").expect("a string takes every write");
    }
    data
}

/// A straight line from the bottom to the top.
pub fn upright(x: f64) -> String {
    let mut path = String::new();
    push(&mut path, 'M', x, 0.0);
    push(&mut path, 'L', x, 1.0);
    path
}

/// A straight line from the left to the right.
pub fn level(y: f64) -> String {
    let mut path = String::new();
    push(&mut path, 'M', 0.0, y);
    push(&mut path, 'L', 1.0, y);
    path
}

fn push(path: &mut String, command: char, x: f64, y: f64) {
    let units = |place: f64| (place * SIZE * 10.0).round() / 10.0;
    write!(path, "{command}{} {}", units(x), units(1.0 - y)).expect("a string takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_off_where_nothing_is_known() {
        let path = line([Some((0.0, 0.0)), Some((0.5, 1.0)), None, Some((1.0, 0.25))]);
        assert_eq!(path, "M0 1000h0L500 0M1000 750h0");
        assert_eq!(line([None]), "");
    }

    #[test]
    fn an_area_stands_on_the_bottom() {
        assert_eq!(
            area(&[(0.0, 0.5), (1.0, 1.0)]),
            "M0 1000L0 500L1000 0L1000 1000Z"
        );
        assert_eq!(area(&[]), "");
        assert_eq!(bar(0.0, 0.1, 0.2), "M0 1000L0 800L100 800L100 1000Z");
    }
}
