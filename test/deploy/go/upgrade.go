package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
)

// checkUpgrade is what an API server says if the objects of one file take the place of those of another: fields that cannot
// be changed. Objects of other kinds have none, or none that the charts set.
func checkUpgrade(from, to string) []string {
	before, err := readObjects(from)
	if err != nil {
		return []string{err.Error()}
	}
	after, err := readObjects(to)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	compared := 0
	for name, object := range after {
		old, existed := before[name]
		if !existed {
			continue
		}
		compared++
		for _, problem := range checkUpdate(object, old) {
			problems = append(problems, fmt.Sprintf("%s: %v", name, problem))
		}
	}
	if compared == 0 {
		problems = append(problems, "the files have no object in common")
	}
	fmt.Printf("%d objects in both\n", compared)
	return problems
}

// readObjects returns the objects that Kubernetes itself knows, by kind and name, as an API server has stored them.
func readObjects(file string) (map[string]runtime.Object, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	objects := map[string]runtime.Object{}
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		decoded, kind, err := decoder.Decode(document, nil, nil)
		if runtime.IsMissingKind(err) || runtime.IsNotRegisteredError(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		about, is := decoded.(metav1.Object)
		if !is {
			continue
		}
		about.SetNamespace("default")
		about.SetResourceVersion("1")
		objects[kind.Kind+" "+about.GetName()] = decoded
	}
}

func checkUpdate(object, old runtime.Object) field.ErrorList {
	switch object := object.(type) {
	case *apps.StatefulSet:
		old := old.(*apps.StatefulSet)
		options := pod.GetValidationOptionsFromPodTemplate(&object.Spec.Template, &old.Spec.Template)
		return appsvalidation.ValidateStatefulSetUpdate(object, old, appsvalidation.StatefulSetValidationOptions{}, options)
	case *core.Service:
		old := old.(*core.Service)
		for _, service := range []*core.Service{object, old} {
			if service.Spec.ClusterIP != "" {
				service.Spec.ClusterIPs = []string{service.Spec.ClusterIP}
			}
		}
		return corevalidation.ValidateServiceUpdate(object, old)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMapUpdate(object, old.(*core.ConfigMap))
	}
	return nil
}
