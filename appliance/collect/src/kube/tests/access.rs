//! Which credentials are accepted.

use appliance_egress::{AllowList, Egress};
use prometheus_client::registry::Registry;

use super::super::{AccessError, KubeAccess, KubeOptions, KubeSource};
use super::limits;

#[tokio::test]
async fn a_kubeconfig_that_runs_a_program_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
        contexts: [{name: c, context: {cluster: k, user: u}}]\n\
        clusters: [{name: k, cluster: {server: 'https://127.0.0.1:6443'}}]\n\
        users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: [/tmp/x]}}}]\n";
    std::fs::write(file.path(), config).unwrap();
    let access = KubeAccess::Kubeconfig {
        path: file.path().to_owned(),
        context: None,
    };
    let error = access.destination().await.unwrap_err();
    assert!(
        matches!(error, AccessError::Program { what: "exec", .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_permitted_is_refused_at_the_start() {
    let options = KubeOptions {
        access: KubeAccess::in_cluster("10.96.0.1", "443"),
        cluster: String::new(),
        limits: limits(),
        watch: false,
    };
    let KubeAccess::Server {
        url, token_file, ..
    } = &options.access
    else {
        unreachable!()
    };
    assert_eq!(url, "https://10.96.0.1:443");
    assert!(token_file.as_ref().unwrap().ends_with("token"));
    let plain = KubeOptions {
        access: KubeAccess::Server {
            url: "http://127.0.0.1:1".to_owned(),
            token_file: None,
            ca_file: None,
        },
        ..options
    };
    let egress = Egress::new(AllowList::default(), &mut Registry::default());
    let error = KubeSource::try_new(&plain, &egress).await.unwrap_err();
    assert!(error.to_string().contains("not on the list"), "{error}");
}
