import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.lucene.index.LeafReaderContext;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.plugins.ScriptPlugin;
import org.elasticsearch.script.AggregationScript;
import org.elasticsearch.script.ScriptContext;
import org.elasticsearch.script.ScriptEngine;
import org.elasticsearch.search.lookup.SearchLookup;
import org.opensearch.painless.PainlessScriptEngine;
import org.opensearch.painless.spi.Whitelist;
import org.opensearch.painless.spi.WhitelistClass;
import org.opensearch.painless.spi.WhitelistLoader;
import org.opensearch.painless.spi.annotation.NoImportAnnotation;

/**
 * Scripts of aggregations for the server of the tests. Elasticsearch's own module of the language is not published
 * since 7.10; the compiler of OpenSearch, which began as a copy of it, is. Elasticsearch finds, calls and feeds the
 * scripts; only what they say is compiled by the other.
 */
public class Painless extends Plugin implements ScriptPlugin {

    @Override
    public ScriptEngine getScriptEngine(Settings settings, Collection<ScriptContext<?>> contexts) {
        return new Engine();
    }

    /** What the compiler writes: a script that sees nothing but `params`. */
    public abstract static class Body {
        public static final String[] PARAMETERS = {};
        private final Map<String, Object> params;

        public Body(Map<String, Object> params) {
            this.params = params;
        }

        public Map<String, Object> getParams() {
            return params;
        }

        public abstract Object execute();

        public interface Factory {
            Body newInstance(Map<String, Object> params);
        }
    }

    static class Engine implements ScriptEngine {
        private static final org.opensearch.script.ScriptContext<Body.Factory> BODY =
            new org.opensearch.script.ScriptContext<>("body", Body.Factory.class);
        /** Java's own part of what the language knows; its lists refer to one another. */
        private static final Whitelist CLASSES = WhitelistLoader.loadFromResourceFiles(
            Whitelist.class, "java.lang.txt", "java.math.txt", "java.text.txt", "java.time.txt", "java.time.chrono.txt",
            "java.time.format.txt", "java.time.temporal.txt", "java.time.zone.txt", "java.util.txt",
            "java.util.function.txt", "java.util.regex.txt", "java.util.stream.txt");
        /** The types that are no classes stand in a list full of OpenSearch's own classes, so they are named here. */
        private static final Whitelist PRIMITIVES = new Whitelist(
            Whitelist.class.getClassLoader(),
            Stream.of("void", "boolean", "byte", "short", "char", "int", "long", "float", "double")
                .map(name -> new WhitelistClass(
                    "", name, List.of(), List.of(), List.of(), List.of(NoImportAnnotation.INSTANCE)))
                .toList(),
            List.of(), List.of(), List.of());
        private final PainlessScriptEngine compiler = new PainlessScriptEngine(
            org.opensearch.common.settings.Settings.EMPTY, Map.of(BODY, List.of(PRIMITIVES, CLASSES)));

        @Override
        public String getType() {
            return "painless";
        }

        @Override
        public Set<ScriptContext<?>> getSupportedContexts() {
            return Set.of(AggregationScript.CONTEXT);
        }

        @Override
        public <T> T compile(String name, String code, ScriptContext<T> context, Map<String, String> options) {
            if (context.factoryClazz != AggregationScript.Factory.class) {
                throw new IllegalArgumentException("the server of the tests has scripts of aggregations only");
            }
            Body.Factory body = compiler.compile(name, code, BODY, options);
            AggregationScript.Factory factory = (params, lookup) -> new Leaves(body, params, lookup);
            return context.factoryClazz.cast(factory);
        }
    }

    record Leaves(Body.Factory body, Map<String, Object> params, SearchLookup lookup)
        implements AggregationScript.LeafFactory {

        @Override
        public AggregationScript newInstance(LeafReaderContext leaf) throws IOException {
            return new AggregationScript(params, lookup, leaf) {
                private final Body computed = body.newInstance(getParams());

                @Override
                public Object execute() {
                    return computed.execute();
                }
            };
        }

        @Override
        public boolean needs_score() {
            return false;
        }
    }
}
