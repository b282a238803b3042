//! A browser without a window, driven by its debugging protocol: messages of JSON, each with a
//! zero byte at its end, through two pipes.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use super::*;

const NEEDED: &str = "chromium runs the tests of pages";

/// The pipes of the protocol are the descriptors 3 and 4.
const START: &str = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";

const OPTIONS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
];

/// A browser with a profile of its own. It is killed when this and all pages are dropped.
#[derive(Clone)]
pub(crate) struct Browser(Arc<Inner>);

struct Inner {
    input: AsyncMutex<ChildStdin>,
    last: AtomicU64,
    heard: Arc<Mutex<Heard>>,
    _child: Child,
    _profile: tempfile::TempDir,
}

#[derive(Default)]
struct Heard {
    waiting: HashMap<u64, oneshot::Sender<Value>>,
    /// What pages have complained of, each with its session.
    complaints: Vec<(String, String)>,
}

/// A page, in a context that shares nothing with those of others.
pub(crate) struct Page {
    browser: Browser,
    session: String,
}

impl Browser {
    /// Starts one, with these options besides the usual.
    pub(crate) fn start(options: &[&str]) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", START, "sh"])
            .args(OPTIONS)
            .args(options)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect(NEEDED);
        let heard = Arc::default();
        tokio::spawn(listen(child.stdout.take().unwrap(), Arc::clone(&heard)));
        Self(Arc::new(Inner {
            input: AsyncMutex::new(child.stdin.take().unwrap()),
            last: AtomicU64::new(0),
            heard,
            _child: child,
            _profile: profile,
        }))
    }

    /// Opens a page.
    pub(crate) async fn open(&self, url: &str) -> Page {
        let context = self.call("Target.createBrowserContext", json!({})).await;
        let target = json!({
            "url": "about:blank",
            "browserContextId": context["browserContextId"],
        });
        let target = self.call("Target.createTarget", target).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.call("Target.attachToTarget", attach).await;
        let page = Page {
            browser: self.clone(),
            session: attached["sessionId"].as_str().unwrap().to_owned(),
        };
        for domain in ["Runtime.enable", "Log.enable", "Page.enable"] {
            page.call(domain, json!({})).await;
        }
        page.call("Page.navigate", json!({ "url": url })).await;
        // The page is there, and not yet all of it.
        page.eval(
            "document.readyState === 'complete' || new Promise((is_there) => \
             addEventListener('load', () => is_there(true)))",
        )
        .await;
        page
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        self.ask(json!({ "method": method, "params": params }))
            .await
    }

    async fn ask(&self, mut request: Value) -> Value {
        let id = self.0.last.fetch_add(1, Ordering::Relaxed);
        request["id"] = id.into();
        let (sender, answer) = oneshot::channel();
        self.0.heard.lock().unwrap().waiting.insert(id, sender);
        let mut bytes = serde_json::to_vec(&request).unwrap();
        bytes.push(0);
        let sent = self.0.input.lock().await.write_all(&bytes).await;
        sent.expect(NEEDED);
        let mut answer = within("the browser", answer).await.expect(NEEDED);
        assert!(answer["error"].is_null(), "{request}: {answer}");
        answer["result"].take()
    }
}

/// Takes answers to those who wait for them, and keeps complaints.
async fn listen(stdout: ChildStdout, heard: Arc<Mutex<Heard>>) {
    let mut messages = BufReader::new(stdout).split(0);
    while let Ok(Some(message)) = messages.next_segment().await {
        let message: Value = serde_json::from_slice(&message).unwrap();
        let mut heard = heard.lock().unwrap();
        if let Some(id) = message["id"].as_u64() {
            let waiting = heard.waiting.remove(&id);
            let _ = waiting.map(|it| it.send(message));
        } else if let Some(complaint) = complaint(&message) {
            let session = message["sessionId"].as_str().unwrap_or_default().to_owned();
            heard.complaints.push((session, complaint));
        }
    }
    // Nobody is answered any more.
    heard.lock().unwrap().waiting.clear();
}

/// An error or a warning of a page: of its script, of the browser, or of the page's policy.
fn complaint(event: &Value) -> Option<String> {
    let params = &event["params"];
    let is_bad = match event["method"].as_str()? {
        "Runtime.exceptionThrown" => true,
        "Runtime.consoleAPICalled" => {
            matches!(
                params["type"].as_str(),
                Some("error" | "warning" | "assert")
            )
        }
        "Log.entryAdded" => {
            matches!(params["entry"]["level"].as_str(), Some("error" | "warning"))
        }
        _ => false,
    };
    is_bad.then(|| params.to_string())
}

impl Page {
    async fn call(&self, method: &str, params: Value) -> Value {
        let request = json!({ "method": method, "params": params, "sessionId": self.session });
        self.browser.ask(request).await
    }

    /// The value of an expression, once its promise has settled.
    pub(crate) async fn eval(&self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
        });
        let mut answer = self.call("Runtime.evaluate", asked).await;
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}: {thrown}");
        answer["result"]["value"].take()
    }

    /// Waits until an expression has this value.
    pub(crate) async fn until(&self, expression: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        let mut last = Value::Null;
        let is_so = tokio::time::timeout(PATIENCE, async {
            loop {
                last = self.eval(expression).await;
                if last == expected {
                    return;
                }
                sleep(Duration::from_millis(50)).await;
            }
        });
        let is_so = is_so.await;
        assert!(is_so.is_ok(), "{expression} is {last}, and not {expected}");
    }

    /// The errors and warnings of its console so far.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let heard = self.browser.0.heard.lock().unwrap();
        let own = heard.complaints.iter();
        let own = own.filter(|(session, _)| *session == self.session);
        own.map(|(_, complaint)| complaint.clone()).collect()
    }
}
