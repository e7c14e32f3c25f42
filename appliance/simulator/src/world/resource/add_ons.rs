//! Resources of add-ons, and built-in ones that few ask for.

use super::Resource;

macro_rules! add_ons {
    ($($group:literal, $version:literal, $plural:literal, $singular:literal, $kind:literal, $namespaced:literal;)*) => {
        /// The resources, in the order of discovery.
        pub(super) const ADD_ONS: &[Resource] = &[$(Resource {
            group: $group,
            version: $version,
            plural: $plural,
            singular: $singular,
            kind: $kind,
            namespaced: $namespaced,
            short: &[],
            in_all: false,
            subresources: &["status"],
            fields: &[],
            stored_as: $plural,
        },)*];
    };
}

add_ons! {
    "certificates.k8s.io", "v1", "certificatesigningrequests", "certificatesigningrequest", "CertificateSigningRequest", false;
    "gateway.networking.k8s.io", "v1", "gateways", "gateway", "Gateway", true;
    "gateway.networking.k8s.io", "v1", "httproutes", "httproute", "HTTPRoute", true;
    "traefik.io", "v1alpha1", "ingressroutes", "ingressroute", "IngressRoute", true;
    "projectcontour.io", "v1", "httpproxies", "httpproxy", "HTTPProxy", true;
    "networking.istio.io", "v1", "virtualservices", "virtualservice", "VirtualService", true;
    "networking.istio.io", "v1", "destinationrules", "destinationrule", "DestinationRule", true;
    "security.istio.io", "v1", "authorizationpolicies", "authorizationpolicy", "AuthorizationPolicy", true;
    "security.istio.io", "v1", "peerauthentications", "peerauthentication", "PeerAuthentication", true;
    "metallb.io", "v1beta1", "ipaddresspools", "ipaddresspool", "IPAddressPool", true;
    "metallb.io", "v1beta2", "bgppeers", "bgppeer", "BGPPeer", true;
    "cert-manager.io", "v1", "certificates", "certificate", "Certificate", true;
    "cert-manager.io", "v1", "issuers", "issuer", "Issuer", true;
    "cert-manager.io", "v1", "clusterissuers", "clusterissuer", "ClusterIssuer", false;
    "snapshot.storage.k8s.io", "v1", "volumesnapshots", "volumesnapshot", "VolumeSnapshot", true;
    "ceph.rook.io", "v1", "cephclusters", "cephcluster", "CephCluster", true;
    "longhorn.io", "v1beta2", "volumes", "volume", "Volume", true;
    "velero.io", "v1", "backups", "backup", "Backup", true;
    "monitoring.coreos.com", "v1", "servicemonitors", "servicemonitor", "ServiceMonitor", true;
    "monitoring.coreos.com", "v1", "podmonitors", "podmonitor", "PodMonitor", true;
    "monitoring.coreos.com", "v1", "prometheusrules", "prometheusrule", "PrometheusRule", true;
    "argoproj.io", "v1alpha1", "applications", "application", "Application", true;
    "kustomize.toolkit.fluxcd.io", "v1", "kustomizations", "kustomization", "Kustomization", true;
    "helm.toolkit.fluxcd.io", "v2", "helmreleases", "helmrelease", "HelmRelease", true;
    "keda.sh", "v1alpha1", "scaledobjects", "scaledobject", "ScaledObject", true;
    "autoscaling.k8s.io", "v1", "verticalpodautoscalers", "verticalpodautoscaler", "VerticalPodAutoscaler", true;
}
