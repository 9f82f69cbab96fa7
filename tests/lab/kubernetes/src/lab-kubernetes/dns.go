package main

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/spf13/cobra"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// clusterDNS answers from the API what a pod asks about cluster.local: addresses of Services, of the endpoints of headless
// Services, and aliases of ExternalName Services. Everything else does not exist: the lab has no outside world.
type clusterDNS struct {
	services  corelisters.ServiceLister
	endpoints corelisters.EndpointsLister
}

const (
	clusterZone = ".svc.cluster.local."
	answerTTL   = 5
)

func newClusterDNSCommand() *cobra.Command {
	var kubeconfig, address string
	command := &cobra.Command{
		Use:  "cluster-dns",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return serveClusterDNS(kubeconfig, address) },
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server")
	command.Flags().StringVar(&address, "address", ":53", "where to listen, UDP and TCP")
	return command
}

func serveClusterDNS(kubeconfig, address string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 10*time.Minute)
	server := &clusterDNS{factory.Core().V1().Services().Lister(), factory.Core().V1().Endpoints().Lister()}
	forever := make(chan struct{})
	factory.Start(forever)
	factory.WaitForCacheSync(forever)

	failed := make(chan error)
	for _, network := range []string{"udp", "tcp"} {
		listener := &dns.Server{Addr: address, Net: network, Handler: server}
		go func() { failed <- listener.ListenAndServe() }()
	}
	return fmt.Errorf("cannot serve on %s: %w", address, <-failed)
}

func (s *clusterDNS) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	answer := new(dns.Msg)
	answer.SetReply(request)
	answer.Authoritative = true
	question := request.Question[0]
	header := func(kind uint16) dns.RR_Header {
		return dns.RR_Header{Name: question.Name, Rrtype: kind, Class: dns.ClassINET, Ttl: answerTTL}
	}
	addresses, alias, exists := s.lookup(strings.ToLower(question.Name))
	switch {
	case !exists:
		answer.Rcode = dns.RcodeNameError
	case alias != "":
		answer.Answer = append(answer.Answer, &dns.CNAME{Hdr: header(dns.TypeCNAME), Target: alias})
	case question.Qtype == dns.TypeA || question.Qtype == dns.TypeANY:
		for _, address := range addresses {
			answer.Answer = append(answer.Answer, &dns.A{Hdr: header(dns.TypeA), A: net.ParseIP(address)})
		}
	}
	// A client that went away is no fault of ours.
	_ = w.WriteMsg(answer)
}

// lookup takes SERVICE.NAMESPACE.svc.cluster.local. or ENDPOINT.SERVICE.NAMESPACE.svc.cluster.local.
func (s *clusterDNS) lookup(name string) (addresses []string, alias string, exists bool) {
	if !strings.HasSuffix(name, clusterZone) {
		return nil, "", false
	}
	labels := strings.Split(strings.TrimSuffix(name, clusterZone), ".")
	host := ""
	switch len(labels) {
	case 2:
	case 3:
		host, labels = labels[0], labels[1:]
	default:
		return nil, "", false
	}
	service, err := s.services.Services(labels[1]).Get(labels[0])
	switch {
	case err != nil:
		return nil, "", false
	case service.Spec.Type == v1.ServiceTypeExternalName:
		return nil, dns.Fqdn(service.Spec.ExternalName), host == ""
	case service.Spec.ClusterIP != v1.ClusterIPNone:
		return []string{service.Spec.ClusterIP}, "", host == ""
	}
	endpoints, err := s.endpoints.Endpoints(labels[1]).Get(labels[0])
	if err != nil {
		return nil, "", host == ""
	}
	for _, subset := range endpoints.Subsets {
		candidates := subset.Addresses
		if service.Spec.PublishNotReadyAddresses {
			candidates = append(append([]v1.EndpointAddress{}, candidates...), subset.NotReadyAddresses...)
		}
		for _, candidate := range candidates {
			if host == "" || candidate.Hostname == host {
				addresses = append(addresses, candidate.IP)
			}
		}
	}
	return addresses, "", host == "" || len(addresses) > 0
}
