package main

import (
	"context"
	"fmt"

	"github.com/compose-spec/compose-go/v2/cli"
)

// checkCompose loads a file as `docker compose` does, and looks whether anything in it is unknown or does not fit together.
func checkCompose(file string) []string {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithName("lockmgr"), cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", file, err)}
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", file, err)}
	}
	var problems []string
	for name, service := range project.Services {
		for extension := range service.Extensions {
			problems = append(problems, fmt.Sprintf("%s: service %s: there is no field %s", file, name, extension))
		}
	}
	fmt.Printf("%s: %d services\n", file, len(project.Services))
	return problems
}
