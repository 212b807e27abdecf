package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// printDocuments writes what is in a file as one list in JSON, for those who look for more than that it is valid.
func printDocuments(file string) []string {
	content, err := os.ReadFile(file)
	if err != nil {
		return []string{err.Error()}
	}
	documents := []map[string]any{}
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		document := map[string]any{}
		if err == nil {
			err = yaml.Unmarshal(text, &document)
		}
		if err != nil {
			return []string{fmt.Sprintf("%s: %v", file, err)}
		}
		if len(document) > 0 {
			documents = append(documents, document)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(documents); err != nil {
		return []string{err.Error()}
	}
	return nil
}
