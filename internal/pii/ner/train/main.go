// Command train makes the model of names and addresses out of labelled documents
// and word lists, as train/generator writes them, and scores it.
//
//	go run ./internal/pii/ner/train -data DIR -o internal/pii/ner/model.bin
//	go run ./internal/pii/ner/train -model FILE -score DOCS.jsonl [-predict OUT.jsonl]
//
// The same data, seed and machine give the same model, byte for byte.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bricks-gateway/bricks/internal/pii/ner/chain"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	fs := flag.NewFlagSet("train", flag.ContinueOnError)
	data := fs.String("data", "", "folder with train.jsonl, heldout.jsonl and words.tsv")
	output := fs.String("o", "", "file to write the model to")
	seed := fs.Uint64("seed", 1, "seed of the order of documents and of what is hidden")
	epochs := fs.Int("epochs", 4, "passes over the documents")
	file := fs.String("model", "", "model to score with")
	score := fs.String("score", "", "labelled documents to score")
	predict := fs.String("predict", "", "file to write the predicted spans to, in bytes")
	misses := fs.Int("misses", 0, "how many wrong documents to print")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *score != "" {
		b, err := os.ReadFile(*file)
		if err != nil {
			return err
		}
		m, err := chain.Unmarshal(b)
		if err != nil {
			return err
		}
		docs, err := readDocuments(*score)
		if err != nil {
			return err
		}
		report(out, m, docs, *misses)
		if *predict != "" {
			return writePredictions(*predict, m, docs)
		}
		return nil
	}
	if *data == "" || *output == "" {
		return errors.New("-data and -o, or -model and -score, are needed")
	}
	return train(out, *data, *output, *seed, *epochs)
}

func train(out io.Writer, data, output string, seed uint64, epochs int) error {
	docs, err := readDocuments(filepath.Join(data, "train.jsonl"))
	if err != nil {
		return err
	}
	words, err := readWords(filepath.Join(data, "words.tsv"))
	if err != nil {
		return err
	}
	unseen, err := lexicon(words, true)
	if err != nil {
		return err
	}
	t := newTrainer(unseen, seed)
	for e := range epochs {
		loss, tokens := t.epoch(docs, float32(e)/float32(epochs))
		fmt.Fprintf(out, "epoch %d: loss %.4f per token, %d tokens\n", e+1, loss/float64(tokens), tokens)
	}
	m := t.model()
	held, err := readDocuments(filepath.Join(data, "heldout.jsonl"))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "held-out frames, names unknown to the word lists:")
	report(out, m, held, 0)
	if m.Lexicon, err = lexicon(words, false); err != nil {
		return err
	}
	fmt.Fprintln(out, "held-out frames, all word lists:")
	report(out, m, held, 0)
	b, err := m.MarshalBinary()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d bytes\n", len(b))
	return os.WriteFile(output, b, 0o644)
}
