// prometheus-operator-config says how the Prometheus operator has a Prometheus scrape what PodMonitors and ServiceMonitors select: by its own
// code. Input: a JSON list of such objects. Output: the configuration of Prometheus, in YAML.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	"github.com/prometheus-operator/prometheus-operator/pkg/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func main() {
	config, err := configuration(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Stdout.Write(config)
}

func configuration(stdin *os.File) ([]byte, error) {
	var objects []json.RawMessage
	if err := json.NewDecoder(stdin).Decode(&objects); err != nil {
		return nil, err
	}
	pods, services := map[string]*monitoringv1.PodMonitor{}, map[string]*monitoringv1.ServiceMonitor{}
	for _, object := range objects {
		var kind metav1.PartialObjectMetadata
		if err := json.Unmarshal(object, &kind); err != nil {
			return nil, err
		}
		name := kind.Namespace + "/" + kind.Name
		var err error
		switch kind.Kind {
		case "PodMonitor":
			pods[name] = &monitoringv1.PodMonitor{}
			err = json.Unmarshal(object, pods[name])
		case "ServiceMonitor":
			services[name] = &monitoringv1.ServiceMonitor{}
			err = json.Unmarshal(object, services[name])
		default:
			err = fmt.Errorf("neither PodMonitor nor ServiceMonitor: %s %s", kind.Kind, name)
		}
		if err != nil {
			return nil, err
		}
	}
	asked := &monitoringv1.Prometheus{ObjectMeta: metav1.ObjectMeta{Namespace: "monitoring", Name: "lab"}}
	asked.Spec.ScrapeInterval, asked.Spec.ScrapeTimeout, asked.Spec.EvaluationInterval = "1s", "1s", "1s"
	generator, err := prometheus.NewConfigGenerator(nil, asked)
	if err != nil {
		return nil, err
	}
	return generator.GenerateServerConfiguration(asked, services, pods, nil, nil, assets.NewTestStoreBuilder(), nil, nil, nil, nil)
}
