/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/cni_conflist.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/json/json.h"
#include "common/state.h"

#include <string.h>

#define MANAGED_BY "managedBy"
#define OWN "weftd"
#define NETWORK_DEFAULT "default"
#define PLUGIN_MARK "CNI weft plugin v" /* plugin/main.c prints it without CNI_COMMAND */

static void put_plugins(const struct cni_conflist *conflist, struct jb_at list)
{
	struct jb_at plugin = jb_obj(list, NULL);

	jb_str(plugin, "type", CNI_PLUGIN_NAME);
	if (strcmp(conflist->network, NETWORK_DEFAULT) != 0)
		jb_str(plugin, "network", conflist->network);
	if (strcmp(conflist->run_dir, STATE_RUN_DIR) != 0)
		jb_str(plugin, "runDir", conflist->run_dir);
	if (!conflist->portmap)
		return;
	plugin = jb_obj(list, NULL);
	jb_str(plugin, "type", "portmap");
	jb_bool(jb_obj(plugin, "capabilities"), "portMappings", true);
	jb_bool(plugin, "snat", true);
}

int cni_conflist_text(const struct cni_conflist *conflist, char **text_out, struct err *err)
{
	static const char *const versions[] = { "0.4.0", "1.0.0", "1.1.0" };
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root, list;

	if (!jb)
		return err_nomem(err, "the CNI configuration");
	root = jb_root(jb);
	jb_str(root, "cniVersion", "1.0.0");
	list = jb_arr(root, "cniVersions");
	for (size_t i = 0; i < ARRAY_LEN(versions); i++)
		jb_str(list, NULL, versions[i]);
	jb_str(root, "name", "weft");
	jb_str(root, MANAGED_BY, OWN);
	put_plugins(conflist, jb_arr(root, "plugins"));
	return jb_text(jb, text_out, err);
}

bool cni_conflist_is_own(const char *text, size_t size)
{
	AUTO(json) struct json *json = NULL;
	struct err unused = ERR_INIT;
	struct jr root;

	if (json_parse(text, size, CNI_CONFLIST_MAX, JSON_STRICT, "CNI configuration", &json,
		       &unused) < 0)
		return false;
	root = jr_root(json);
	return jr_is_str(&root, MANAGED_BY) &&
	       strcmp(jr_str(&root, MANAGED_BY, CNI_CONFLIST_MAX), OWN) == 0;
}

bool cni_conf_is_preferred(const char *name)
{
	static const char *const suffixes[] = { ".conf", ".conflist", ".json" };
	const char *suffix = strrchr(name, '.');

	if (!suffix || strcmp(name, CNI_CONFLIST_NAME) >= 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (strcmp(suffix, suffixes[i]) == 0)
			return true;
	return false;
}

bool cni_plugin_is_own(const char *data, size_t size)
{
	return memmem(data, size, PLUGIN_MARK, strlen(PLUGIN_MARK)) != NULL;
}
