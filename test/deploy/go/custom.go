package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gvk "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// definitions are the schemas of custom resources.
type definitions map[gvk.GroupVersionKind]*apiextensions.JSONSchemaProps

func readDefinitions(files []string) (definitions, error) {
	custom := definitions{}
	for _, file := range files {
		if file == "" {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
		for {
			document, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			if err := custom.add(document); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return custom, nil
}

func (custom definitions) add(document []byte) error {
	definition := apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(document, &definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		props := &apiextensions.JSONSchemaProps{}
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, props, nil); err != nil {
			return err
		}
		custom[gvk.GroupVersionKind{Group: definition.Spec.Group, Version: version.Name, Kind: definition.Spec.Names.Kind}] = props
	}
	return nil
}

// check is what an API server that has the definition checks: fields that it does not know, the schema, and the rules in it.
func (custom definitions) check(object *unstructured.Unstructured) []error {
	props, known := custom[object.GroupVersionKind()]
	if !known {
		return []error{fmt.Errorf("nobody here defines a %s", object.GroupVersionKind())}
	}
	structural, err := schema.NewStructural(props)
	if err != nil {
		return []error{err}
	}
	var found []error
	for _, path := range pruning.PruneWithOptions(object.DeepCopy().Object, structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		found = append(found, fmt.Errorf("there is no field %s", path))
	}
	validator, _, err := validation.NewSchemaValidator(props)
	if err != nil {
		return append(found, err)
	}
	found = append(found, each(validation.ValidateCustomResource(nil, object.Object, validator))...)
	if rules := cel.NewValidator(structural, true, celconfig.PerCallLimit); rules != nil {
		broken, _ := rules.Validate(context.Background(), nil, structural, object.Object, nil, celconfig.RuntimeCELCostBudget)
		found = append(found, each(broken)...)
	}
	return found
}
