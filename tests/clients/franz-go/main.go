// Publishes a file of intents as Go programs do.
//
// usage: publish BOOTSTRAP TOPIC FILE - one record per line: key, tab, value; an empty key is none.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

func run(bootstrap, topic, file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.DefaultProduceTopic(topic))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	count := 0
	var failed error
	for _, line := range bytes.Split(bytes.TrimRight(text, "\n"), []byte("\n")) {
		key, value, _ := bytes.Cut(line, []byte("\t"))
		record := &kgo.Record{Value: value}
		if len(key) > 0 {
			record.Key = key
		}
		count++
		client.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		return 0, err
	}
	return count, failed
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: publish BOOTSTRAP TOPIC FILE")
		os.Exit(2)
	}
	count, err := run(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(count)
}
