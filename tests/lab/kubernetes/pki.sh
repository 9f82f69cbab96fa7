#!/bin/bash
# pki.sh RUN NODE NODE_ADDRESS API_ADDRESS: certificates into RUN/pki, kubeconfigs into RUN.
set -euo pipefail
run=$1 node=$2 node_address=$3 api_address=$4
[ -e "$run/pki/.done" ] && exit 0
mkdir -p "$run/pki"
cd "$run/pki"
umask 077

authority() { # NAME
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
  openssl req -x509 -new -sha256 -key "$1.key" -days 3650 -subj "/CN=$1" -out "$1.crt" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature
}
certificate() { # NAME SUBJECT USAGE AUTHORITY [ALTERNATIVE_NAMES]
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
  openssl req -new -sha256 -key "$1.key" -subj "$2" |
    openssl x509 -req -sha256 -CA "$4.crt" -CAkey "$4.key" -CAcreateserial -days 3650 -out "$1.crt" -extfile <(
      printf 'basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n' "$3"
      [ -z "${5:-}" ] || printf 'subjectAltName=%s\n' "$5")
}
kubeconfig() { # NAME
  cat > "$run/$1.kubeconfig" <<END
apiVersion: v1
kind: Config
current-context: lab
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
contexts: [{name: lab, context: {cluster: lab, user: $1}}]
END
}

service=kubernetes.default.svc
authority ca
authority front-proxy-ca
certificate apiserver /CN=kube-apiserver serverAuth ca \
  "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:$service,DNS:$service.cluster.local,IP:127.0.0.1,IP:$api_address,IP:$node_address"
certificate kubelet-serving "/O=system:nodes/CN=system:node:$node" serverAuth ca "DNS:$node,IP:$node_address,IP:127.0.0.1"
certificate apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth ca
certificate front-proxy-client /CN=front-proxy-client clientAuth front-proxy-ca
certificate admin /O=system:masters/CN=kubernetes-admin clientAuth ca
certificate cluster-dns /O=system:masters/CN=cluster-dns clientAuth ca
certificate kubelet "/O=system:nodes/CN=system:node:$node" clientAuth ca
for component in kube-controller-manager kube-scheduler kube-proxy; do
  certificate $component /CN=system:$component clientAuth ca
done
for name in admin kube-controller-manager kube-scheduler kube-proxy kubelet cluster-dns; do kubeconfig $name; done
openssl genrsa -out sa.key 2048
openssl rsa -in sa.key -pubout -out sa.pub
touch .done
