package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
)

// Unknown fields, and fields that stand twice, are problems.
var strict = json.NewSerializerWithOptions(json.DefaultMetaFactory, legacyscheme.Scheme, legacyscheme.Scheme,
	json.SerializerOptions{Yaml: true, Strict: true})
var decoder = legacyscheme.Codecs.DecoderToVersion(strict, runtime.InternalGroupVersioner)

// checkManifests says how many objects a file has, and returns what is wrong with them.
func checkManifests(file string, custom definitions) []string {
	content, err := os.ReadFile(file)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	seen := map[string]bool{}
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return append(problems, fmt.Sprintf("%s: %v", file, err))
		}
		name, found := checkDocument(document, custom)
		if name == "" && found == nil {
			continue
		}
		if seen[name] {
			found = append(found, errors.New("stands twice"))
		}
		seen[name] = true
		for _, problem := range found {
			problems = append(problems, fmt.Sprintf("%s: %s: %v", file, name, problem))
		}
	}
	if len(seen) == 0 {
		problems = append(problems, file+": has no object")
	}
	fmt.Printf("%s: %d objects\n", file, len(seen))
	return problems
}

// checkDocument returns what the object is called and what is wrong with it; neither for a document that is empty.
func checkDocument(document []byte, custom definitions) (string, []error) {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(document, &object.Object); err != nil {
		return "?", []error{err}
	}
	if len(object.Object) == 0 {
		return "", nil
	}
	kind := object.GroupVersionKind()
	name := fmt.Sprintf("%s %s/%s", kind.Kind, object.GetNamespace(), object.GetName())
	if !legacyscheme.Scheme.Recognizes(kind) {
		return name, custom.check(object)
	}
	decoded, _, err := decoder.Decode(document, nil, nil)
	if err != nil {
		return name, []error{err}
	}
	if about, is := decoded.(metav1.Object); is && about.GetNamespace() == "" {
		about.SetNamespace("default")
	}
	return name, each(checkObject(decoded))
}

// checkObject is what the API server checks when such an object is created.
func checkObject(object runtime.Object) field.ErrorList {
	switch object := object.(type) {
	case *apps.StatefulSet:
		options := pod.GetValidationOptionsFromPodTemplate(&object.Spec.Template, nil)
		return appsvalidation.ValidateStatefulSet(object, appsvalidation.StatefulSetValidationOptions{}, options)
	case *core.Pod:
		return corevalidation.ValidatePodCreate(object, pod.GetValidationOptionsFromPodSpecAndMeta(&object.Spec, nil, &object.ObjectMeta, nil))
	case *core.Service:
		if object.Spec.ClusterIP != "" { // the API server fills this in first
			object.Spec.ClusterIPs = []string{object.Spec.ClusterIP}
		}
		if object.Spec.Type == core.ServiceTypeLoadBalancer && object.Spec.ExternalTrafficPolicy == core.ServiceExternalTrafficPolicyLocal {
			object.Spec.HealthCheckNodePort = 30000 // and this
		}
		return corevalidation.ValidateServiceCreate(object)
	case *core.ServiceAccount:
		return corevalidation.ValidateServiceAccount(object)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(object)
	case *core.Secret:
		return corevalidation.ValidateSecret(object)
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(object, networkingvalidation.NetworkPolicyValidationOptions{})
	case *policy.PodDisruptionBudget:
		return policyvalidation.ValidatePodDisruptionBudget(object, policyvalidation.PodDisruptionBudgetValidationOptions{})
	}
	return field.ErrorList{field.InternalError(nil, fmt.Errorf("nobody here knows how to check a %T", object))}
}

func each(list field.ErrorList) []error {
	var found []error
	for _, problem := range list {
		found = append(found, problem)
	}
	return found
}
