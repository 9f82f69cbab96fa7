// network-policies enforces the cluster's NetworkPolicies on one node, by the code of kube-network-policies: network-policies KUBECONFIG NODE.
//
// It judges the packets that the packet filter hands to queue 100 (NFQUEUE), and lets no other pass. Its own rules for that need a kernel
// with NFT_QUEUE; where there is none they are refused as a whole, which it does not mind, and somebody else must make such rules by iptables.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(kubeconfig, node string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	told := informers.NewSharedInformerFactory(client, 0)
	policies := told.Networking().V1().NetworkPolicies()
	namespaces, pods := told.Core().V1().Namespaces(), told.Core().V1().Pods()
	settings := networkpolicy.Config{QueueID: 100, NodeName: node, NRIdisabled: true}
	controller, err := networkpolicy.NewController(client, policies, namespaces, pods, nil, nil, nil, nil, settings)
	if err != nil {
		return err
	}
	told.Start(ctx.Done())
	return controller.Run(ctx)
}
