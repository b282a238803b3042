//! The files in `deploy/` say what the command understands.

use std::fs;
use std::path::{Path, PathBuf};

use serde_norway::Value;

use super::*;

const CONFIG: &str = "/etc/aiomsg/proxy.toml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    let path = root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Has the command read these arguments, with another file for that of the
/// machine.
async fn check(args: &[&str], config: &Path) {
    let config = config.to_str().unwrap();
    let args = args
        .iter()
        .map(|it| if *it == CONFIG { config } else { it });
    let args: Vec<_> = args.chain(["--check-config"]).collect();
    let ended = Program::run(&args).await;
    assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
}

#[tokio::test]
async fn the_example_file_is_good() {
    let file = root().join("deploy/proxy.toml");
    check(&["proxy", "--config", CONFIG], &file).await;
}

/// What is set by being uncommented is good, too.
#[tokio::test]
async fn every_setting_is_in_the_example_file() {
    let text = read("deploy/proxy.toml");
    let folder = tempfile::tempdir().unwrap();
    let certificate = support::python::certificate(folder.path(), "proxy");
    // Lines that are settings or tables, and not sentences.
    let is_setting = |line: &str| {
        let key = line.split(" = ").next().unwrap();
        let key =
            key.len() < line.len() && key.bytes().all(|it| it.is_ascii_lowercase() || it == b'-');
        key || (line.starts_with('[') && line.ends_with(']'))
    };
    let all: Vec<_> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_setting(rest) => rest,
            _ => line,
        })
        .map(|line| {
            let (cert, key) = (certificate.cert.display(), certificate.key.display());
            match line.split(" = ").next().unwrap() {
                "cert" => format!("cert = \"{cert}\""),
                "key" => format!("key = \"{key}\""),
                list @ ("trust" | "pin") => format!("{list} = [\"{cert}\"]"),
                _ => line.to_owned(),
            }
        })
        .collect();
    let file = folder.path().join("all.toml");
    fs::write(&file, all.join("\n")).unwrap();
    check(&["proxy", "--config", CONFIG], &file).await;

    let help = Program::run(["proxy", "--help"]).await.lines.join("\n");
    let docs = read("docs/proxy.md");
    for flag in flags(&help).filter(|it| !["help", "version"].contains(it)) {
        assert!(
            docs.contains(&format!("`--{flag}")),
            "docs/proxy.md lacks --{flag}"
        );
        let key = ["frontend-", "backend-"]
            .iter()
            .find_map(|it| flag.strip_prefix(it));
        let key = key.or(flag.strip_prefix("spool-"));
        let key = match key.unwrap_or(flag) {
            "frontend" | "backend" => "bind",
            "spool" => "folder",
            "config" | "check-config" | "log" | "log-format" => continue,
            key => key,
        };
        let is_set = all
            .iter()
            .any(|line| line.starts_with(&format!("{key} = ")));
        assert!(is_set, "deploy/proxy.toml lacks {key}");
    }
}

fn flags(help: &str) -> impl Iterator<Item = &str> {
    let lines = help
        .lines()
        .map(str::trim_start)
        .filter(|it| it.starts_with('-'));
    lines.filter_map(|line| line.split("--").nth(1)?.split([' ', ',']).next())
}

#[tokio::test]
async fn the_container_starts_the_proxy() {
    let text = read("deploy/Containerfile");
    let line = |word: &str| {
        let line = text.lines().find_map(|it| it.strip_prefix(word));
        line.unwrap_or_else(|| panic!("no {word}"))
            .trim()
            .to_owned()
    };
    let args: Vec<String> = serde_json::from_str(&line("CMD")).unwrap();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    check(&args, &root().join("deploy/proxy.toml")).await;
    assert_ne!(line("USER"), "root");
    // The dashboard can be reached from outside, is guarded, and cannot control.
    let after = |flag| args.windows(2).find(|it| it[0] == flag).map(|it| it[1]);
    assert_eq!(after("--dashboard"), Some("0.0.0.0:9000"));
    assert_eq!(after("--allow-host"), Some("localhost"));
    assert!(line("EXPOSE").split(' ').any(|port| port == "9000"));
    assert!(!args.contains(&"--allow-control"));
    for copied in ["deploy/proxy.toml", "aiomsg-cli/Cargo.toml", "Cargo.lock"] {
        assert!(root().join(copied).exists());
    }
}

#[tokio::test]
async fn the_service_starts_the_proxy() {
    let text = read("deploy/aiomsg-proxy.service");
    let mut commands = 0;
    for line in text.lines() {
        let command = line
            .strip_prefix("ExecStart=")
            .or(line.strip_prefix("ExecStartPre="));
        let Some(command) = command else { continue };
        let args: Vec<_> = command
            .split(' ')
            .skip(1)
            .filter(|it| *it != "--check-config")
            .collect();
        check(&args, &root().join("deploy/proxy.toml")).await;
        commands += 1;
    }
    assert_eq!(commands, 2);
}

#[tokio::test]
async fn the_three_proxies_fit_together() {
    let text = read("deploy/kubernetes.yaml");
    let documents: Vec<Value> = serde_norway::Deserializer::from_str(&text)
        .map(|it| serde::Deserialize::deserialize(it).unwrap())
        .collect();
    let of = |kind: &str| {
        let found = documents.iter().find(|it| it["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind}"))
    };
    let set = &of("StatefulSet")["spec"];
    let pod = &set["template"]["spec"];
    let container = &pod["containers"][0];

    let config = of("ConfigMap")["data"]["proxy.toml"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proxy.toml");
    fs::write(&file, config).unwrap();
    let args = container["args"].as_sequence().unwrap();
    let args: Vec<_> = args.iter().map(|it| it.as_str().unwrap()).collect();
    check(&args, &file).await;

    // The headless service has every address, and is named where peers are told of it.
    let service = of("Service");
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    let name = service["metadata"]["name"].as_str().unwrap();
    let readme = read("deploy/README.md");
    for port in service["spec"]["ports"].as_sequence().unwrap() {
        let all = format!(
            "--connect-all tcp://{name}:{}",
            port["port"].as_u64().unwrap()
        );
        let peers = port["name"].as_str().unwrap();
        assert!(text.contains(&format!("{peers}: {all}")), "{all}");
    }
    assert!(readme.contains(&format!("--connect-all tcp://{name}:25001`")));

    // Ports are those that the file listens at.
    for port in container["ports"].as_sequence().unwrap() {
        let number = port["containerPort"].as_u64().unwrap();
        assert!(config.contains(&format!(":{number}\"")), "{number}");
    }
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let get = &container[probe]["httpGet"];
        assert_eq!(get["port"], "observe", "{probe}");
        assert!(["/healthz", "/readyz"].contains(&get["path"].as_str().unwrap()));
    }
    // A drain has its time.
    let drain = config
        .lines()
        .find_map(|it| it.strip_prefix("drain-deadline = \""));
    let drain: u64 = drain.unwrap().trim_end_matches("s\"").parse().unwrap();
    let before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        .as_u64()
        .unwrap();
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(drain + before < grace, "{drain} + {before} < {grace}");
    // They are three, two of which stay.
    assert_eq!(set["replicas"], 3);
    assert_eq!(of("PodDisruptionBudget")["spec"]["minAvailable"], 2);
    assert_eq!(of("Service")["spec"]["clusterIP"], "None");
    assert_eq!(set["serviceName"], of("Service")["metadata"]["name"]);
}

/// The command understands the arguments of the consumers, and they name the service.
#[tokio::test]
async fn the_consumers_connect_to_every_proxy() {
    let proxies = read("deploy/kubernetes.yaml");
    let consumers: Value =
        serde_norway::from_str(&read("deploy/kubernetes-consumers.yaml")).unwrap();
    let labels = |it: &Value| it["matchLabels"].clone();
    let template = &consumers["spec"]["template"];
    assert_eq!(
        labels(&consumers["spec"]["selector"]),
        template["metadata"]["labels"]
    );
    let container = &template["spec"]["containers"][0];
    let args = container["args"].as_sequence().unwrap();
    let args: Vec<_> = args.iter().map(|it| it.as_str().unwrap()).collect();
    let [command, all, endpoint, timeout, "forever"] = args[..] else {
        panic!("{args:?}");
    };
    assert!(proxies.contains(&format!("consumers: {all} {endpoint}")));
    let image = format!("image: {}", container["image"].as_str().unwrap());
    assert!(proxies.contains(&image));

    // Nobody listens there: an address in place of the name, and a time limit.
    let ended = Program::run([command, all, "tcp://127.0.0.1:1", timeout, "100ms"]).await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
}
