//! One browser for all stories, with a tab for each page that a story looks at. It can
//! reach nobody: no name is resolved, and what a page asks for is kept.

use std::env;
use std::future::Future;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use chromiumoxide::browser::{Browser, BrowserConfig};
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams, SetEmulatedMediaParams,
    SetScriptExecutionDisabledParams,
};
use chromiumoxide::cdp::browser_protocol::log::EventEntryAdded;
use chromiumoxide::cdp::browser_protocol::network::{EnableParams, EventRequestWillBeSent};
use chromiumoxide::cdp::js_protocol::runtime::{EventConsoleApiCalled, EventExceptionThrown};
use chromiumoxide::listeners::EventStream;
use chromiumoxide::page::ScreenshotParams;
use chromiumoxide::{Element, Page};
use futures_util::{FutureExt, StreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::needs;

/// No story takes nearly as long, not even with every core kept busy by others.
const DEADLINE: Duration = Duration::from_secs(120);
/// What the browser is asked to say when everything before it is to be heard.
const END: &str = "everything before this was heard";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
});
static BROWSER: OnceCell<Browser> = OnceCell::const_new();
static PROFILE: Mutex<Option<TempDir>> = Mutex::new(None);

/// Tells a story within its deadline.
pub(crate) fn tell(story: impl Future<Output = ()> + Send) {
    let told = RUNTIME.block_on(async { timeout(DEADLINE, story).await });
    assert!(told.is_ok(), "the story did not end within {DEADLINE:?}");
}

/// Ends the browser, if there was one.
pub(crate) fn close() {
    RUNTIME.block_on(async {
        if let Some(browser) = BROWSER.get() {
            let close = chromiumoxide::cdp::browser_protocol::browser::CloseParams::default();
            let _ = browser.execute(close).await;
        }
    });
    drop(
        PROFILE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(),
    );
}

async fn browser() -> &'static Browser {
    BROWSER.get_or_init(launch).await
}

async fn launch() -> Browser {
    let profile = tempfile::tempdir().expect("a temporary folder");
    let config = BrowserConfig::builder()
        .chrome_executable(needs::chromium().expect("the story needs it"))
        // Chromium's sandbox asks for rights that CI and containers don't give, and
        // nothing here comes from outside.
        .no_sandbox()
        .new_headless_mode()
        .user_data_dir(profile.path())
        .arg(("host-resolver-rules", "MAP * ~NOTFOUND"))
        .arg("hide-scrollbars")
        .arg("disable-gpu")
        .viewport(None)
        .build()
        .expect("a whole configuration");
    *PROFILE.lock().unwrap_or_else(PoisonError::into_inner) = Some(profile);
    let (browser, mut handler) = Browser::launch(config).await.expect("chromium starts");
    // A browser tells of things that the library has no names for; those don't matter.
    tokio::spawn(async move { while handler.next().await.is_some() {} });
    browser
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// The window's width in CSS pixels.
    pub(crate) width: u32,
    /// Whether the reader prefers dark pages.
    pub(crate) dark: bool,
    /// Whether scripts run.
    pub(crate) scripts: bool,
}

/// A window on a desk, by day.
pub(crate) const WIDE: Look = Look {
    width: 1280,
    dark: false,
    scripts: true,
};

/// A page in a tab, and what went wrong in it.
pub(crate) struct Tab {
    page: Page,
    console: EventStream<EventConsoleApiCalled>,
    exceptions: EventStream<EventExceptionThrown>,
    log: EventStream<EventEntryAdded>,
    requests: EventStream<EventRequestWillBeSent>,
}

impl Tab {
    /// Opens the page in a file.
    pub(crate) async fn open(file: &Path, look: Look) -> Self {
        let page = browser()
            .await
            .new_page("about:blank")
            .await
            .expect("a tab");
        let tab = Tab {
            console: page.event_listener().await.expect("a listener"),
            exceptions: page.event_listener().await.expect("a listener"),
            log: page.event_listener().await.expect("a listener"),
            requests: page.event_listener().await.expect("a listener"),
            page,
        };
        tab.page
            .execute(EnableParams::default())
            .await
            .expect("told of requests");
        tab.page.enable_log().await.expect("told of complaints");
        tab.look(look).await;
        const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.');
        let path = file.to_str().expect("a path in UTF-8");
        let address = format!("file://{}", utf8_percent_encode(path, KEPT));
        tab.page
            .goto(address.as_str())
            .await
            .expect("the page loads");
        tab
    }

    /// Looks at the page in another way.
    pub(crate) async fn look(&self, look: Look) {
        let height = if look.width < 600 { 844 } else { 900 };
        let size = SetDeviceMetricsOverrideParams::new(i64::from(look.width), height, 1.0, false);
        self.page.execute(size).await.expect("another size");
        let scheme = if look.dark { "dark" } else { "light" };
        let media = SetEmulatedMediaParams::builder()
            .features([
                MediaFeature::new("prefers-color-scheme", scheme),
                MediaFeature::new("prefers-reduced-motion", "reduce"),
            ])
            .build();
        self.page.execute(media).await.expect("another scheme");
        let disabled = SetScriptExecutionDisabledParams::new(!look.scripts);
        self.page.execute(disabled).await.expect("scripts switched");
        // The browser says yes before the page has noticed.
        self.wait_until(&format!(
            "innerWidth === {} && matchMedia('(prefers-color-scheme: {scheme})').matches",
            look.width
        ))
        .await;
    }

    /// What an expression comes to in the page.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, expression: &str) -> T {
        let answer = self.page.evaluate_expression(expression).await;
        let answer = answer.unwrap_or_else(|error| panic!("{expression}: {error}"));
        answer
            .into_value()
            .unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Does something in the page, whatever it comes to.
    pub(crate) async fn act(&self, statements: &str) {
        let done = self.page.evaluate_expression(statements).await;
        done.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn wait_until(&self, expression: &str) {
        let often = Duration::from_millis(20);
        let met = async {
            loop {
                // Between two pages nobody answers.
                let answer = self.page.evaluate_expression(expression).await;
                if answer.is_ok_and(|answer| matches!(answer.into_value(), Ok(true))) {
                    break;
                }
                tokio::time::sleep(often).await;
            }
        };
        let met = timeout(Duration::from_secs(10), met).await;
        assert!(met.is_ok(), "never true: {expression}");
    }

    /// An element by its selector.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        let found = self.page.find_element(selector).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// Presses a key, wherever the focus is.
    pub(crate) async fn press(&self, key: &str) {
        let body = self.find("body").await;
        body.press_key(key).await.expect("a key");
    }

    /// Everything that the page asked for beyond its own file, and every error and
    /// warning.
    pub(crate) async fn complaints(&mut self) -> Vec<String> {
        let say = format!("console.info({END:?})");
        self.page.evaluate_expression(say).await.expect("a word");
        let mut heard = Vec::new();
        let mut is_over = false;
        while !is_over {
            let call = timeout(DEADLINE, self.console.next()).await;
            let call = call.ok().flatten().expect("the browser says its word");
            let text = format!(
                "{:?}",
                call.args.iter().map(|a| &a.value).collect::<Vec<_>>()
            );
            is_over = text.contains(END);
            if !is_over {
                heard.push(format!("console: {text}"));
            }
        }
        while let Some(Some(event)) = self.exceptions.next().now_or_never() {
            heard.push(format!("exception: {:?}", event.exception_details.text));
        }
        while let Some(Some(event)) = self.log.next().now_or_never() {
            heard.push(format!("log: {}", event.entry.text));
        }
        let mut own = 0;
        while let Some(Some(event)) = self.requests.next().now_or_never() {
            match event.request.url.starts_with("file://") {
                true => own += 1,
                false => heard.push(format!("request: {}", event.request.url)),
            }
        }
        if own > 1 {
            heard.push(format!(
                "the page asked for {own} files, and should for itself alone"
            ));
        }
        heard
    }

    /// A picture of the whole page.
    pub(crate) async fn photograph(&self, file: &Path) {
        let whole = ScreenshotParams::builder().full_page(true).build();
        self.page
            .save_screenshot(whole, file)
            .await
            .expect("a picture");
    }

    /// Closes the tab.
    pub(crate) async fn close(self) {
        self.page.close().await.expect("it closes");
    }
}

/// Where pictures are left.
pub(crate) fn screenshots() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("../screenshots")
}
