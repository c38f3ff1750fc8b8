package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/caarlos0/env/v11"

	"github.com/bricks-gateway/bricks/internal/cli"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// commandLine is what kong reads. The flags are pointers so that one that was
// not given does not hide its variable.
type commandLine struct {
	DataDir           *string  `name:"data-dir" placeholder:"DIR" help:"Where the embedded store, the event spool and the secrets live (BRICKS_DATA_DIR; ./data)."`
	AdminAddress      *string  `name:"admin-address" placeholder:"IP:PORT" help:"Admin API (ADMIN_ADDRESS; 127.0.0.1:8001)."`
	ProxyAddress      *string  `name:"proxy-address" placeholder:"IP:PORT" help:"Envoy's listener (PROXY_ADDRESS; 127.0.0.1:8002)."`
	MetricsAddress    *string  `name:"metrics-address" placeholder:"IP:PORT" help:"Metrics, health and readiness (METRICS_ADDRESS; 127.0.0.1:9090)."`
	EnvoyAdminAddress *string  `name:"envoy-admin-address" placeholder:"IP:PORT" help:"Envoy's own admin interface, loopback only (ENVOY_ADMIN_ADDRESS; a free port)."`
	AdminKey          []string `name:"admin-key" sep:"none" placeholder:"KEY" help:"Key of the admin API, as key or role[tags]=key; may be repeated (ADMIN_PASS, ADMIN_KEYS; none)."`
	AdminURL          *string  `name:"admin-url" placeholder:"URL" help:"For the tools: the admin API of the running gateway (ADMIN_URL; http://127.0.0.1:8001)."`
	AdminCA           *string  `name:"admin-ca" placeholder:"FILE" help:"For the tools: certificates to trust instead of the system's (ADMIN_CA)."`
	AdminTLSCert      *string  `name:"admin-tls-cert" placeholder:"FILE" help:"Certificate of the admin API (ADMIN_TLS_CERT)."`
	AdminTLSKey       *string  `name:"admin-tls-key" placeholder:"FILE" help:"Its private key (ADMIN_TLS_KEY)."`
	ProxyTLSCert      *string  `name:"proxy-tls-cert" placeholder:"FILE" help:"Certificate of Envoy's listener (PROXY_TLS_CERT)."`
	ProxyTLSKey       *string  `name:"proxy-tls-key" placeholder:"FILE" help:"Its private key (PROXY_TLS_KEY)."`
	ControlAddress    []string `name:"control-address" sep:"none" placeholder:"ADDR" help:"unix:/path or host:port of the control plane; for admin it may be repeated (CONTROL_ADDRESS; none)."`
	ControlTLSCert    *string  `name:"control-tls-cert" placeholder:"FILE" help:"This role's certificate for TCP between the roles (CONTROL_TLS_CERT)."`
	ControlTLSKey     *string  `name:"control-tls-key" placeholder:"FILE" help:"Its private key (CONTROL_TLS_KEY)."`
	ControlTLSCA      *string  `name:"control-tls-ca" placeholder:"FILE" help:"The authorities of the other roles' certificates (CONTROL_TLS_CA)."`
	ControlAllow      []string `name:"control-allow" sep:"none" placeholder:"ROLE=NAME" help:"A client that may connect by TCP: processor=, admin= or envoy= and a URI or DNS name of its certificate; may be repeated (CONTROL_ALLOW; none)."`
	ProcessorAddress  *string  `name:"processor-address" placeholder:"ADDR" help:"Where a processor alone serves Envoy: unix:/path or host:port (PROCESSOR_ADDRESS; a socket below the data directory)."`
	NodeID            *string  `name:"node-id" placeholder:"NAME" help:"Names a processor alone where others list it (BRICKS_NODE_ID; the host's name)."`
	WithEnvoy         bool     `name:"envoy" help:"Run Envoy as a child of a processor alone (BRICKS_WITH_ENVOY)."`
	EnvoyPath         *string  `name:"envoy-path" placeholder:"FILE" help:"The Envoy binary (ENVOY_PATH; on PATH, then in .venv)."`
	AllowUpstream     []string `name:"allow-upstream" sep:"none" placeholder:"HOST:PORT|CIDR" help:"An upstream that may be private and plain http; may be repeated (ALLOWED_PRIVATE_UPSTREAMS; none)."`
	LogLevel          *string  `name:"log-level" placeholder:"LEVEL" help:"error, warn, info or debug (LOGGING_LEVEL; info)."`
	Privacy           *string  `name:"privacy" short:"p" placeholder:"off|strict" help:"strict: bodies are never stored, whatever a key says (PRIVACY; off)."`
	Mode              *string  `name:"mode" short:"m" placeholder:"MODE" help:"Accepted for old command lines; changes nothing."`

	GenAI genAIFlags `embed:""`

	Up           upFlags  `cmd:"" help:"Run everything, with Envoy as a child."`
	Serve        struct{} `cmd:"" help:"Run everything but Envoy; writes the bootstrap for one that you run."`
	Controlplane struct{} `cmd:"" help:"Run the control plane alone; needs PostgreSQL."`
	Processor    struct{} `cmd:"" help:"Run a processor alone, with --envoy next to its Envoy; needs a control plane."`
	Admin        struct{} `cmd:"" help:"Run the admin API alone; needs PostgreSQL and control planes."`
	Check        struct{} `cmd:"" help:"Say whether this configuration would start, and with which Envoy."`
	Migrate      struct{} `cmd:"" help:"Bring the store's schema up to date, and stop."`
	Ledger       struct {
		Verify struct{} `cmd:"" help:"Compare what the running gateway counts with the sums of its events."`
	} `cmd:"" help:"Look at the ledger."`
	Audit    auditCommand    `cmd:"" help:"Look at the audit log."`
	Settings settingsCommand `cmd:"" help:"Provider settings: the credentials."`
	Policies policyCommand   `cmd:"" aliases:"policy" help:"Policies, and tools to try them."`
	Events   eventsCommand   `cmd:"" help:"What was asked, answered and charged."`
	cli.Commands
	Import     importCommand  `cmd:"" help:"Take over what another gateway has."`
	Completion cli.Completion `cmd:"" help:"Print the script that lets a shell complete commands and flags."`
	Version    struct{}       `cmd:"" help:"Print the versions."`
}

// errHelp says that help was asked for and printed.
var errHelp = errors.New("help was printed")

// parse reads arguments and environment. The error lists every fault of the
// command line, the variables and the values they hold; errHelp is not a fault.
func parse(args []string, environment []string, stdout, stderr io.Writer) (command string, c config, err error) {
	var (
		cl       commandLine
		helped   bool
		errFlags error
	)
	parser, err := kong.New(&cl, kong.Name("bricks"), kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true}), kong.Help(printHelp),
		kong.Description("An LLM gateway on Envoy. Each flag has a variable, given with its default in brackets; docs/configuration.md has the rest."),
		kong.Exit(func(int) { helped = true }))
	if err != nil {
		return "", config{}, fmt.Errorf("build command line: %w", err)
	}
	if len(args) > 0 && args[0] == cli.CompleteCommand {
		return "", config{}, errors.Join(cli.Complete(parser.Model, args[1:], stdout), errHelp)
	}
	parsed, err := parser.Parse(args)
	// kong stops at the first unknown flag; the rest is to be judged as well.
	for rest := args; err != nil && !helped; {
		errFlags = errors.Join(errFlags, err)
		shorter := withoutUnknownFlag(rest, err)
		if len(shorter) == len(rest) {
			break
		}
		rest = shorter
		parsed, err = parser.Parse(rest)
	}
	if helped {
		return "", config{}, errHelp
	}
	c = defaults()
	if errFlags == nil {
		switch command := parsed.Command(); command {
		case "version":
			return command, c, nil // whatever the variables hold
		case "completion <shell>":
			c.Completion = cl.Completion
			return command, c, nil
		case "policies scan":
			if c.PolicyScan = cl.Policies.Scan; !c.PolicyScan.overNetwork() {
				return command, c, nil // a tool that reads no variables
			}
		}
		if cl.callsOnly(parsed) {
			return parsed.Command(), c, c.readForCall(&cl, parsed, environment)
		}
	}
	faults := []error{errFlags, c.readEnvironment(environment)}
	c.apply(&cl)
	if errFlags == nil {
		c.PolicyTest, c.AuditVerify = cl.Policies.Test, cl.Audit.Verify
		c.Up = cl.Up
		c.applyImport(&cl.Import)
		if parsed.Command() == "import litellm" {
			c.Variables = env.ToMap(environment)
		}
	}
	faults = append(faults, c.Validate())
	if errFlags == nil {
		faults = append(faults, c.validateRole(parsed.Command()))
	}
	if err := errors.Join(faults...); err != nil {
		return "", config{}, err
	}
	return parsed.Command(), c, nil
}

// withoutUnknownFlag returns args without the flag that kong's error names, or
// args when it names none.
func withoutUnknownFlag(args []string, err error) []string {
	flag, ok := strings.CutPrefix(err.Error(), "unknown flag ")
	flag, _, _ = strings.Cut(flag, ",") // what follows is a proposal
	if !ok {
		return args
	}
	return slices.DeleteFunc(slices.Clone(args), func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return name == flag
	})
}

func (c *config) readEnvironment(environment []string) error {
	err := env.ParseWithOptions(c, env.Options{
		Environment: env.ToMap(environment),
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[gateway.Secret](): func(v string) (any, error) { return gateway.NewSecret(v), nil },
		},
	})
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return err
	}
	var faults []error
	for _, err := range all.Errors {
		if p, ok := errors.AsType[env.ParseError](err); ok {
			err = fmt.Errorf("%s: %w", variableOf(reflect.TypeFor[config](), p.Name), p.Err)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// variableOf names the variable behind a field, which is the name that the
// operator knows.
func variableOf(t reflect.Type, field string) string {
	if f, ok := t.FieldByName(field); ok {
		return f.Tag.Get("env")
	}
	for i := range t.NumField() {
		group := t.Field(i)
		if group.Type.Kind() != reflect.Struct {
			continue
		}
		if f, ok := group.Type.FieldByName(field); ok && f.Tag.Get("env") != "" {
			return group.Tag.Get("envPrefix") + f.Tag.Get("env")
		}
	}
	return field
}

// apply lays the flags that were given over c.
func (c *config) apply(cl *commandLine) {
	for _, f := range []struct {
		given  *string
		target *string
	}{
		{cl.DataDir, &c.DataDir},
		{cl.AdminAddress, &c.AdminAddress},
		{cl.ProxyAddress, &c.ProxyAddress},
		{cl.MetricsAddress, &c.MetricsAddress},
		{cl.EnvoyAdminAddress, &c.EnvoyAdminAddress},
		{cl.AdminURL, &c.AdminURL},
		{cl.AdminCA, &c.AdminCA},
		{cl.AdminTLSCert, &c.AdminTLSCert},
		{cl.AdminTLSKey, &c.AdminTLSKey},
		{cl.ProxyTLSCert, &c.ProxyTLSCert},
		{cl.ProxyTLSKey, &c.ProxyTLSKey},
		{cl.ControlTLSCert, &c.ControlTLSCert},
		{cl.ControlTLSKey, &c.ControlTLSKey},
		{cl.ControlTLSCA, &c.ControlTLSCA},
		{cl.ProcessorAddress, &c.ProcessorAddress},
		{cl.NodeID, &c.NodeID},
		{cl.EnvoyPath, &c.EnvoyPath},
		{cl.LogLevel, &c.LogLevel},
		{cl.Privacy, &c.Privacy},
		{cl.Mode, &c.Mode},
	} {
		if f.given != nil {
			*f.target = *f.given
		}
	}
	for _, f := range []struct{ given, target *[]string }{
		{&cl.AllowUpstream, &c.AllowUpstream},
		{&cl.ControlAddress, &c.ControlAddress},
		{&cl.ControlAllow, &c.ControlAllow},
	} {
		if len(*f.given) > 0 {
			*f.target = *f.given
		}
	}
	c.GenAI.apply(&cl.GenAI)
	c.WithEnvoy = c.WithEnvoy || cl.WithEnvoy
	for _, key := range cl.AdminKey {
		c.AdminKeyFlags = append(c.AdminKeyFlags, gateway.NewSecret(key))
	}
	// Envoy may be started from elsewhere.
	for _, file := range []*string{&c.ProxyTLSCert, &c.ProxyTLSKey, &c.ControlTLSCert, &c.ControlTLSKey, &c.ControlTLSCA} {
		if *file == "" {
			continue
		}
		if absolute, err := filepath.Abs(*file); err == nil {
			*file = absolute
		}
	}
	for i, s := range c.AllowUpstream {
		c.AllowUpstream[i] = strings.TrimSpace(s)
	}
}
