//! Recorded exchanges with a real API server, asked again of the simulator.
//!
//! The world is put together from every object of the recordings; reads whose
//! answer does not depend on the moment of recording must agree in status,
//! reason, message, kind, columns and headers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may fail loudly, say what they skip, and dial what they start"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use appliance_simulator::world::{find, resource_of_list};
use appliance_simulator::{Options, Simulator, World};
use serde_json::Value;

/// Where recorded cases lie, if they are here.
fn recordings() -> Option<PathBuf> {
    #[allow(
        clippy::disallowed_methods,
        reason = "tests find recorded cases by this variable"
    )]
    let root = std::env::var("ANCHORITE_CASES").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases"),
        PathBuf::from,
    );
    let folder = root.join("kube-api");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: there are no recordings at {}", folder.display());
    None
}

fn exchanges(folder: &Path) -> Vec<(String, Value)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let content: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for exchange in content["exchanges"].as_array().into_iter().flatten() {
            found.push((name.clone(), exchange.clone()));
        }
    }
    found
}

/// Everything that was ever seen in a plain list or get.
fn world(folder: &Path) -> World {
    let mut world = World::load(&folder.join("cluster-info-dump")).unwrap();
    for (_, exchange) in exchanges(folder) {
        let body = &exchange["response"]["body"];
        let (Some(kind), Some(version)) = (body["kind"].as_str(), body["apiVersion"].as_str())
        else {
            continue;
        };
        let Some(resource) = resource_of_list(version, kind) else {
            continue;
        };
        for item in body["items"].as_array().into_iter().flatten() {
            // Some recordings are shortened, and say so.
            if item["metadata"]["name"].is_string() && !item.to_string().contains("left out") {
                world.put(resource, item.clone());
            }
        }
    }
    let pods = find("", "v1", "pods").unwrap();
    for (_, exchange) in exchanges(folder) {
        let body = &exchange["response"]["body"];
        let whole = body["spec"]["containers"].is_array() && body["status"]["phase"].is_string();
        if body["kind"] == "Pod" && exchange["request"]["method"] == "GET" && whole {
            world.put(pods, body.clone());
        }
    }
    world
}

/// Recordings whose answer hangs on rights, moments or writes that are not simulated.
fn is_applicable(file: &str, exchange: &Value) -> bool {
    let request = &exchange["request"];
    let path = request["path"].as_str().unwrap_or_default();
    let number: u32 = file[..2].parse().unwrap_or(99);
    let accept = request["headers"]["Accept"].as_str().unwrap_or_default();
    let by_administrator = request["headers"]["Authorization"]
        .as_str()
        .is_some_and(|who| who.contains("administrator"));
    let plain = !accept.contains("protobuf") && !accept.contains("yaml");
    let chosen = matches!(number, 1 | 11 | 20 | 21 | 40 | 45 | 60)
        || number == 10 && exchange["response"]["status"] != 200;
    // The kubelets of the recording refused connections; /openapi differs by design.
    let elsewhere = path.contains("componentstatuses")
        || path.contains("controllerrevisions")
        || path.contains("/stats/summary")
        || path.contains("verbose")
        || exchange["response"]["status"] == 500
        || path.contains("not-a-token")
        || path.contains("resourceVersion=99999999")
        || path.contains("statefulsets?")
        || path.contains("/exec");
    chosen && plain && by_administrator && !elsewhere && request["method"] == "GET"
}

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

/// One request over a connection of its own, written out by hand: clients tidy up paths.
async fn ask(address: &str, request: &Value) -> Answer {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let method = request["method"].as_str().unwrap();
    let path = request["path"].as_str().unwrap();
    let mut text =
        format!("{method} {path} HTTP/1.1\r\nHost: kube.example\r\nConnection: close\r\n");
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        if name != "Authorization" && name != "Connection" {
            text.push_str(&format!(
                "{name}: {}\r\n",
                value.as_str().unwrap_or_default()
            ));
        }
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}

fn columns(table: &Value) -> Vec<(Value, Value, Value, Value)> {
    let columns = table["columnDefinitions"].as_array();
    columns
        .into_iter()
        .flatten()
        .map(|one| {
            (
                one["name"].clone(),
                one["type"].clone(),
                one["format"].clone(),
                one["priority"].clone(),
            )
        })
        .collect()
}

/// What differs between a recorded response and an answer, in words.
fn differences(recorded: &Value, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, wanted: String, got: String| {
        if wanted != got {
            found.push(format!("{what}: recorded {wanted}, answered {got}"));
        }
    };
    compare(
        "status",
        recorded["status"].to_string(),
        answer.status.to_string(),
    );
    for header in recorded["headers"].as_array().into_iter().flatten() {
        let name = header[0].as_str().unwrap_or_default().to_lowercase();
        let wanted = header[1].as_str().unwrap_or_default();
        match name.as_str() {
            "content-type" | "cache-control" | "x-content-type-options" => {
                compare(
                    &name,
                    wanted.to_owned(),
                    answer.headers.get(&name).cloned().unwrap_or_default(),
                );
            }
            "audit-id" | "x-kubernetes-pf-flowschema-uid"
                if !answer.headers.contains_key(&name) =>
            {
                compare(&name, "present".to_owned(), "absent".to_owned());
            }
            _ => {}
        }
    }
    if let Some(text) = recorded["body_text"].as_str() {
        compare("text", text.to_owned(), answer.body.clone());
    }
    let Ok(body) = serde_json::from_str::<Value>(&answer.body) else {
        return found;
    };
    let recorded = &recorded["body"];
    if recorded.is_object() {
        for field in [
            "kind",
            "apiVersion",
            "status",
            "message",
            "reason",
            "details",
            "code",
        ] {
            if recorded["kind"] == "Status" || field == "kind" || field == "apiVersion" {
                compare(field, recorded[field].to_string(), body[field].to_string());
            }
        }
        compare(
            "columns",
            format!("{:?}", columns(recorded)),
            format!("{:?}", columns(&body)),
        );
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_reads_are_answered_alike() {
    let Some(folder) = recordings() else { return };
    let simulator = Simulator::start(world(&folder), Options::default())
        .await
        .unwrap();
    let url = simulator.kubernetes_url();
    let address = url.strip_prefix("http://").unwrap();
    let mut asked = 0;
    let mut wrong = Vec::new();
    for (file, exchange) in exchanges(&folder) {
        if !is_applicable(&file, &exchange) {
            continue;
        }
        asked += 1;
        let answer = ask(address, &exchange["request"]).await;
        for difference in differences(&exchange["response"], &answer) {
            wrong.push(format!(
                "{file} {}: {difference}",
                exchange["request"]["path"]
            ));
        }
    }
    println!("{asked} recorded exchanges asked again");
    assert!(asked > 80, "only {asked} exchanges apply");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Rows of recorded tables, but for ages.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_column_of_recorded_pods_is_the_same() {
    let Some(folder) = recordings() else { return };
    let recorded = exchanges(&folder)
        .into_iter()
        .find(|(file, exchange)| {
            file == "20-table-pods" && exchange["request"]["path"] == "/api/v1/namespaces/shop/pods"
        })
        .map(|(_, exchange)| exchange)
        .unwrap();
    let simulator = Simulator::start(world(&folder), Options::default())
        .await
        .unwrap();
    let url = simulator.kubernetes_url();
    let answer = ask(url.strip_prefix("http://").unwrap(), &recorded["request"]).await;
    let body = answer
        .body
        .split_once('{')
        .map(|(_, rest)| format!("{{{rest}"))
        .unwrap();
    let body: Value = serde_json::from_str(body.trim_end_matches(|c| c != '}')).unwrap();
    let cells = |table: &Value| -> BTreeMap<String, (Value, Value)> {
        let rows = table["rows"].as_array().cloned().unwrap_or_default();
        rows.iter()
            .map(|row| {
                (
                    row["cells"][0].as_str().unwrap_or_default().to_owned(),
                    (row["cells"][1].clone(), row["cells"][2].clone()),
                )
            })
            .collect()
    };
    let answered = cells(&body);
    let mut compared = 0;
    for (name, wanted) in cells(&recorded["response"]["body"]) {
        if let Some(found) = answered.get(&name) {
            assert_eq!(*found, wanted, "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 8, "only {compared} pods could be compared");
}
