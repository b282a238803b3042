//! Runs of a shell.

use std::time::Duration;

use super::*;

const LONG: Duration = Duration::from_secs(3600);

/// A run of this text, with so much output and so much time.
async fn run(text: &str, max_output: usize, time_limit: Duration) -> Result<Bytes, Failed> {
    let job = Job {
        program: Program::shell(text.as_ref()),
        time_limit,
        max_output,
        headers: Headers::new(),
    };
    job.run("request".into()).await
}

#[tokio::test]
async fn the_output_is_the_reply() {
    assert_eq!(run("cat; echo", 8, LONG).await.unwrap(), "request\n");
    assert_eq!(run(":", 8, LONG).await.unwrap(), "");
    // It is not read, and not missed.
    assert_eq!(run("exec 0<&-; echo x", 8, LONG).await.unwrap(), "x\n");
}

#[tokio::test]
async fn an_output_of_the_limit_is_a_reply_and_more_is_none() {
    assert_eq!(run("printf 12345678", 8, LONG).await.unwrap(), "12345678");
    let endless = run("while :; do echo more; done", 8, LONG).await;
    assert!(matches!(endless, Err(Failed::TooLong(8))), "{endless:?}");
}

#[tokio::test]
async fn a_code_other_than_zero_is_no_reply() {
    let failed = run("echo half; exit 7", 100, LONG).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "the command has failed with exit status: 7"
    );
}

/// Nothing runs but the command, so the clock jumps to the limit.
#[tokio::test(start_paused = true)]
async fn a_command_has_a_limited_time() {
    let slow = run("sleep 1000", 8, LONG).await.unwrap_err();
    assert!(matches!(slow, Failed::TooSlow(LONG)), "{slow:?}");
    assert!(slow.to_string().contains("within 1h"), "{slow}");
    // Its end is waited for, too, when the output has ended.
    let slow = run("exec >&-; sleep 1000", 8, LONG).await.unwrap_err();
    assert!(matches!(slow, Failed::TooSlow(LONG)), "{slow:?}");
}

/// It said that the shell had not ended.
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn an_ended_command_is_told_from_what_holds_its_output() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pids");
    let text = format!("sleep 1000 & echo $$ $! > {}", file.display());
    let running = tokio::spawn(async move { run(&text, 8, LONG).await });
    // The clock stands still while a thread is blocked, and so until the shell has ended.
    let blocked = tokio::task::spawn_blocking(move || {
        loop {
            let pids = std::fs::read_to_string(&file).unwrap_or_default();
            if let Some((shell, holder)) = pids.trim_end().split_once(' ')
                && pids.ends_with('\n')
                && !runs(shell)
            {
                return holder.to_owned();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let holder = blocked.await.unwrap();
    let held = running.await.unwrap().unwrap_err();
    assert!(matches!(held, Failed::Held(LONG)), "{held:?}");
    let text = held.to_string();
    let ended = "has ended, and a process that it started holds its output";
    assert!(text.contains(ended), "{text}");
    while runs(&holder) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A zombie has ended, and waits for somebody to look.
#[cfg(target_os = "linux")]
fn runs(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|text| !text.contains("State:\tZ"))
}

/// What the shell had started ran on.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_dropped_run_ends_all_that_it_has_started() {
    use std::time::Duration;

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let text = format!("sleep 1000 & echo $! > {}; wait", file.display());
    let running = tokio::spawn(async move { run(&text, 8, LONG).await });
    let read = || std::fs::read_to_string(&file).unwrap_or_default();
    while !read().ends_with('\n') {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let pid = read();
    assert!(runs(pid.trim()));
    running.abort();
    while runs(pid.trim()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
