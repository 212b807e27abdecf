// Reads what the charts render and what the compose files say as those do for whom it is meant: Kubernetes objects by the very
// code with which an API server decodes, completes and checks them; custom resources by the schemas and rules of their
// definitions; compose files by the reference implementation.
//
//	deploy manifests [-crds FILE,FILE] FILE…   prints what is wrong, a line each, and how many objects were good
//	deploy upgrade FROM TO                     prints what of FROM cannot become what TO says
//	deploy compose FILE…
//	deploy json FILE                           prints the objects of a file as a list
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "deploy manifests [-crds FILE,FILE] FILE… | deploy upgrade FROM TO | deploy compose FILE… | deploy json FILE")
		os.Exit(64)
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	definitions := flags.String("crds", "", "files with definitions of custom resources")
	flags.Parse(os.Args[2:])
	var problems []string
	switch os.Args[1] {
	case "manifests":
		custom, err := readDefinitions(strings.Split(*definitions, ","))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		for _, file := range flags.Args() {
			problems = append(problems, checkManifests(file, custom)...)
		}
	case "upgrade":
		problems = checkUpgrade(flags.Arg(0), flags.Arg(1))
	case "compose":
		for _, file := range flags.Args() {
			problems = append(problems, checkCompose(file)...)
		}
	case "json":
		problems = printDocuments(flags.Arg(0))
	default:
		fmt.Fprintln(os.Stderr, "no such command:", os.Args[1])
		os.Exit(64)
	}
	for _, problem := range problems {
		fmt.Println(problem)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}
