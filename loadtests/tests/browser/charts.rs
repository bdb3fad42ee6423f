//! Drawings are drawn.

use crate::browser::{Tab, WIDE};
use crate::reports;

/// Every drawing, by its name, that has no size or nothing in it with one.
const EMPTY: &str = "[...document.querySelectorAll('svg')]
  .filter((svg) => svg.checkVisibility())
  .filter((svg) => {
    const box = svg.getBoundingClientRect();
    const marks = [...svg.querySelectorAll('path, rect, circle, line, polyline, polygon')];
    const drawn = marks.some((mark) => {
      const { width, height } = mark.getBoundingClientRect();
      return width + height > 0;
    });
    return box.width < 5 || box.height < 5 || !drawn;
  })
  .map((svg) => svg.getAttribute('aria-label') ?? svg.outerHTML.slice(0, 80))";

const NAMELESS: &str = "[...document.querySelectorAll('svg')]
  .filter((svg) => !svg.closest('[aria-hidden=true]'))
  .filter((svg) => !(svg.getAttribute('role') === 'img' && (svg.getAttribute('aria-label') || svg.getAttribute('aria-labelledby') || svg.querySelector('title'))))
  .map((svg) => svg.outerHTML.slice(0, 80))";

pub(crate) async fn every_drawing_has_something_to_see() {
    for (name, page) in reports::everything().samples() {
        let tab = Tab::open(&page, WIDE).await;
        let drawings: usize = tab.ask("document.querySelectorAll('svg').length").await;
        assert!(drawings > 0, "{name} has no drawing");
        let empty: Vec<String> = tab.ask(EMPTY).await;
        assert!(empty.is_empty(), "{name}: {empty:?}");
        tab.close().await;
    }
}

pub(crate) async fn every_drawing_has_a_name() {
    for (name, page) in reports::everything().samples() {
        let tab = Tab::open(&page, WIDE).await;
        let nameless: Vec<String> = tab.ask(NAMELESS).await;
        assert!(nameless.is_empty(), "{name}: {nameless:?}");
        tab.close().await;
    }
}
