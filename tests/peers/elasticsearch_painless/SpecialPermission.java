package org.opensearch;

/**
 * Stands for OpenSearch's class of this name, which asks the security manager of Elasticsearch 8 for a permission that
 * only OpenSearch has.
 */
public final class SpecialPermission {
    private SpecialPermission() {}

    public static void check() {}
}
